#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Memory, CPU and threads of the running daemons, as JSON.

bench/footprint.py [--build build/release] [--pods 30] [--idle 60]

Starts a cluster of two virtual nodes, reads berthd of n1 and berth-controlplane from /proc with no
pod over an idle minute, then with PODS pods on n1, with n1's containerd beside them. The latencies
that berthd adds to a pod, and those of its calls to the runtime, come from its own histograms on
/metrics: for pods made one after the other on n1, and for as many made at once on n2.
"""

import argparse
import json
import os
import pathlib
import re
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "dev/lib"))

from cluster import Cluster, wait_for  # noqa: E402
from demo import ready_pods  # noqa: E402


def memory(pid):
    status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return {"rss_mb": round(int(status["VmRSS"].split()[0]) / 1024, 1),
            "anon_mb": round(int(status["RssAnon"].split()[0]) / 1024, 1),
            "file_mb": round(int(status["RssFile"].split()[0]) / 1024, 1),
            "threads": int(status["Threads"])}


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def containerd_pid(node):
    init = node.init_pid()
    for child in pathlib.Path(f"/proc/{init}/task/{init}/children").read_text().split():
        if pathlib.Path(f"/proc/{child}/comm").read_text().strip() == "containerd":
            return int(child)
    raise RuntimeError("no containerd")


def observe(pids, seconds):
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    time.sleep(seconds)
    return {name: dict(memory(pid), cpu_percent=round(100 * (cpu_seconds(pid) - before[name]) / seconds, 2))
            for name, pid in pids.items()}


def make_pods(cluster, node, numbers):
    """Seconds until all of them are Ready."""
    pods = [{"apiVersion": "v1", "kind": "Pod",
             "metadata": {"name": f"{node}-{i}", "labels": {"app": "bench", "on": node}},
             "spec": {"nodeName": node, "terminationGracePeriodSeconds": 0,
                      "containers": [{"name": "app", "image": "berth.local/busybox:1",
                                      "command": ["sleep", "1000000"]}]}} for i in numbers]
    start = time.monotonic()
    cluster.kubectl("create", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": pods}))
    wait_for("pods", lambda: len(ready_pods(cluster, f"app=bench,on={node}")) > numbers[-1], 300)
    return round(time.monotonic() - start, 2)


def node_metrics(cluster, node):
    """The node's /metrics, as the API server's kubelet client reads them."""
    client = cluster.data / "pki" / "apiserver-kubelet-client"
    return node.run("curl", "-sSfk", "--cert", f"{client}.crt", "--key", f"{client}.key",
                    "https://127.0.0.1:10250/metrics").stdout


def histograms(text):
    """{(name, operation): [(upper bound, count up to it)]} of what is in the text format."""
    found = {}
    for line in text.splitlines():
        match = re.fullmatch(r'(\w+)_bucket\{(?:operation_type="(\w+)",)?le="([^"]+)"\} (\d+)', line)
        if match:
            name, operation, bound, count = match.groups()
            found.setdefault((name, operation), []).append((float(bound), int(count)))
    return found


def percentile(buckets, share):
    """In milliseconds: linear within a bucket, as Prometheus computes it."""
    rank, below, lower = share * buckets[-1][1], 0, 0.0
    for bound, count in buckets:
        if count >= rank:
            if bound == float("inf"):
                return lower * 1000
            return round(1000 * (lower + (bound - lower) * (rank - below) / max(count - below, 1)), 2)
        below, lower = count, bound


def latencies(cluster, node):
    return {operation or name: {"count": buckets[-1][1], "p50_ms": percentile(buckets, 0.5),
                                "p99_ms": percentile(buckets, 0.99)}
            for (name, operation), buckets in histograms(node_metrics(cluster, node)).items() if buckets[-1][1]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--pods", type=int, default=30)
    parser.add_argument("--idle", type=int, default=60)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the cluster ends, too
    cluster = Cluster(f"bench{os.getpid()}", arguments.build)
    try:
        cluster.up()
        cluster.wait_nodes_ready()
        time.sleep(10)
        node = cluster.nodes[0]
        pids = {"berthd": node.berthd_pid(), "berth-controlplane": cluster.apiserver.pid(),
                "containerd": containerd_pid(node)}
        result = {"idle_seconds": arguments.idle, "0 pods": observe(pids, arguments.idle)}
        for i in range(arguments.pods):
            make_pods(cluster, "n1", [i])
        result["latency, pods one after the other"] = latencies(cluster, node)
        time.sleep(15)
        result[f"{arguments.pods} pods"] = observe(pids, arguments.idle)
        result["seconds until pods made at once are Ready"] = make_pods(cluster, "n2", range(arguments.pods))
        time.sleep(5)
        result["latency, pods made at once"] = latencies(cluster, cluster.nodes[1])
        print(json.dumps(result, indent=2))
    finally:
        cluster.down()


if __name__ == "__main__":
    main()
