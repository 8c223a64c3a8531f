#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How fast pods start beside the bare runtime, and what 110 of them cost.

bench/pod_start.py [--build build/release] [--pods 30,110] [--parallel 2,3,4,6] [--idle 30]

Starts a cluster of two virtual nodes and prints a table: cold starts; pods made at once through
berthd beside bench/cri_start, which makes the same sandboxes and containers straight through the
CRI in the same run, at the parallelism that is best for it; memory and CPU of berthd with the
most pods, each with a TCP readiness probe every 10 s; how soon a packet follows a change of an
EndpointSlice.
"""

import argparse
import json
import os
import pathlib
import signal
import ssl
import http.client
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "dev/lib")]

from api import Api, is_ready  # noqa: E402
from cluster import Cluster, wait_for  # noqa: E402
from footprint import cpu_seconds, memory  # noqa: E402
from report import Report, quantile  # noqa: E402

ENDPOINT = "unix:///run/containerd/containerd.sock"
PODS = "/api/v1/namespaces/default/pods"


# --- cold starts

def answers_readyz(port):
    context = ssl._create_unverified_context()
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def control_plane_start(cluster):
    """Milliseconds from its start to /readyz: of a control plane that has its data already."""
    cluster.apiserver.stop(signal.SIGTERM)
    port = int((cluster.folder / "port").read_text())
    real, cluster._ready = cluster._ready, lambda: answers_readyz(port)
    start = time.monotonic()
    cluster.start_apiserver()
    took = time.monotonic() - start
    cluster._ready = real
    return 1000 * took


def node_start(cluster, api, node):
    """Milliseconds from berthd's start to the Ready of a Node that did not exist."""
    node.kill_berthd(signal.SIGTERM)
    api.call("DELETE", f"/api/v1/nodes/{node.name}")
    events = api.watch(f"/api/v1/nodes?fieldSelector=metadata.name={node.name}")
    start = time.monotonic()
    node.start_berthd()
    for kind, thing in events:
        if kind != "DELETED" and is_ready(thing):
            return 1000 * (time.monotonic() - start)


# --- pods

def pod(node, name, probe):
    container = {"name": "app", "image": "berth.local/busybox:1"}
    if probe:
        container["command"] = ["httpd", "-f", "-p", "8080"]
        container["readinessProbe"] = {"tcpSocket": {"port": 8080}, "periodSeconds": 10}
    else:
        container["command"] = ["sleep", "1000000"]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "bench"}},
            "spec": {"nodeName": node, "terminationGracePeriodSeconds": 0, "containers": [container]}}


def start_pods(api, node, count, probe=False):
    """Seconds from the first creation until the half of them, and all of them, are Ready."""
    events = api.watch(f"{PODS}?labelSelector=app=bench")
    start = time.monotonic()
    for i in range(count):
        api.call("POST", PODS, pod(node, f"{node}-{i}", probe))
    ready, half = set(), 0.0
    for _, thing in events:
        if is_ready(thing):
            ready.add(thing["metadata"]["name"])
            if len(ready) == (count + 1) // 2 and not half:
                half = time.monotonic() - start
            if len(ready) == count:
                return half, time.monotonic() - start


def end_pods(api, node, count):
    for i in range(count):
        api.call("DELETE", f"{PODS}/{node}-{i}")
    wait_for("end of the pods", lambda: not api.call("GET", f"{PODS}?labelSelector=app=bench")["items"], 180)


def bare(cluster, node, count, parallel):
    out = node.run(cluster.build / "bench" / "cri_start", ENDPOINT, count, parallel, node.folder / "bare")
    return json.loads(out.stdout)["seconds"]


def pods_beside_bare(report, cluster, api, counts, parallels):
    node, times = cluster.nodes[0], {}
    bare(cluster, node, 4, 2)  # a first touch of everything
    for parallel in parallels:
        times[parallel] = bare(cluster, node, counts[0], parallel)
    for count in counts:
        if count != counts[0]:
            times = {p: bare(cluster, node, count, p) for p in sorted(times, key=times.get)[:2]}
        best = min(times, key=times.get)
        report.row(f"{count} pods, bare CRI client at its best parallelism ({best})", times[best], "s")
        half, whole = start_pods(api, node.name, count)
        report.row(f"{count} pods made at once through berthd: all Ready", whole, "s")
        report.row("  the half of them Ready", half, "s")
        report.row("  beside the bare client", whole / times[best], "x", 1.10)
        end_pods(api, node.name, count)


def many_probed(report, cluster, api, count, idle):
    node = cluster.nodes[0]
    start_pods(api, node.name, count, probe=True)
    time.sleep(15)
    pid = node.berthd_pid()
    before = cpu_seconds(pid)
    time.sleep(idle)
    cpu = 100 * (cpu_seconds(pid) - before) / idle
    seen = memory(pid)
    report.row(f"berthd with {count} probed pods: RSS", seen["rss_mb"], "MB", 25)
    report.row("  of it RssAnon", seen["anon_mb"], "MB")
    report.row("  threads", seen["threads"])
    report.row(f"  CPU over {idle} s, of one core", cpu, "%", 1)
    end_pods(api, node.name, count)


# --- endpoints

def endpoint_changes(report, cluster, api, times):
    node, other = cluster.nodes
    service = api.call("POST", "/api/v1/namespaces/default/services", {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "probe"},
        "spec": {"ports": [{"name": "p", "port": 9000, "protocol": "UDP"}]}})
    path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
    slice_ = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
              "metadata": {"name": "probe-1", "labels": {"kubernetes.io/service-name": "probe"}},
              "ports": [{"name": "p", "port": 9000, "protocol": "UDP"}],
              "endpoints": [{"addresses": [node.address], "conditions": {"ready": True}}]}
    api.call("POST", path, slice_)
    probe, servers = HERE / "udp_probe.py", []
    for n in (node, other):
        servers.append(subprocess.Popen(["nsenter", f"--net=/run/netns/{n.netns}", "/usr/bin/python3", probe,
                                         "serve", n.address, "9000", n.address]))
    asker = subprocess.Popen(["nsenter", f"--net=/run/netns/{node.netns}", "/usr/bin/python3", probe, "ask",
                              service["spec"]["clusterIP"], "9000", str(3 + times * 0.15)],
                             stdout=subprocess.PIPE, text=True)
    try:
        asker.stdout.readline()
        changes = []
        for i in range(times):
            time.sleep(0.1)
            address = (other, node)[i % 2].address
            slice_["endpoints"][0]["addresses"] = [address]
            asked = time.monotonic()
            api.call("PUT", f"{path}/probe-1", slice_)
            changes.append((address, asked, time.monotonic()))
        seen = [line.split() for line in asker.stdout]
    finally:
        for process in [*servers, asker]:
            process.kill()
            process.wait()
    firsts = [next(float(at) for name, at in seen if name == address and float(at) >= begin)
              for address, begin, _ in changes]
    asked = [1000 * (at - begin) for at, (_, begin, _) in zip(firsts, changes)]
    stored = [1000 * max(0.0, at - end) for at, (_, _, end) in zip(firsts, changes)]
    report.row(f"{times} EndpointSlice changes, answer of the API to first packet: p50", quantile(stored, 0.5), "ms")
    report.row("  p99", quantile(stored, 0.99), "ms", 5)
    report.row("  from the request itself: p50", quantile(asked, 0.5), "ms")
    report.row("  p99", quantile(asked, 0.99), "ms")


def main():
    numbers = lambda text: [int(n) for n in text.split(",")]  # noqa: E731
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--pods", type=numbers, default=[30, 110])
    parser.add_argument("--parallel", type=numbers, default=[2, 3, 4, 6])
    parser.add_argument("--idle", type=int, default=30)
    parser.add_argument("--changes", type=int, default=200)
    parser.add_argument("--only", default="start,pods,probed,endpoints")
    arguments = parser.parse_args()
    parts = arguments.only.split(",")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the cluster ends, too
    cluster = Cluster(f"bench{os.getpid()}", arguments.build)
    cluster.node_settings = f"maxPods: {max(arguments.pods) + 5}\n"
    try:
        cluster.up()
        cluster.wait_nodes_ready()
        report = Report("bench/pod_start.py")
        if "start" in parts:
            took = sorted(control_plane_start(cluster) for _ in range(3))
            report.row("control plane: start to /readyz, median of 3", took[1], "ms", 300)
            cluster.wait_nodes_ready()
            api = Api(cluster)
            took = sorted(node_start(cluster, api, cluster.nodes[0]) for _ in range(3))
            report.row("berthd: start to a new Node's Ready, median of 3", took[1], "ms", 500)
        api = Api(cluster)
        if "pods" in parts:
            pods_beside_bare(report, cluster, api, arguments.pods, arguments.parallel)
        if "endpoints" in parts:
            endpoint_changes(report, cluster, api, arguments.changes)
        if "probed" in parts:
            many_probed(report, cluster, api, max(arguments.pods), arguments.idle)
    finally:
        cluster.down()


if __name__ == "__main__":
    main()
