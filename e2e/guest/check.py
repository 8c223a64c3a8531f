#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs inside the guest of guest.py: a cluster, one Pod with limits, what the kernel was told."""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "dev/lib"))

from cluster import Cluster, ClusterError, run, wait_for  # noqa: E402

POD = """
apiVersion: v1
kind: Pod
metadata: {name: limited}
spec:
  nodeName: n1
  terminationGracePeriodSeconds: 1
  containers:
  - name: app
    image: berth.local/busybox:1
    command: [sleep, "100000"]
    resources: {requests: {cpu: 100m, memory: 32Mi}, limits: {cpu: 500m, memory: 64Mi}}
"""
LIMITS = {"memory.max": str(64 << 20), "cpu.max": "50000 100000", "cpu.weight": "4"}
OF_POD = dict(LIMITS, **{"pids.max": "max"})
OF_CONTAINER = dict(LIMITS, **{"memory.oom.group": "1"})
# A request of 100m is 102 shares of 2..262144, on v2 a weight of 4 in 1..10000.

start = time.monotonic()
failures = 0


def say(text):
    print(f"  {time.monotonic() - start:6.1f} s  {text}", flush=True)


def expect(what, got, wanted):
    global failures
    if got != wanted:
        failures += 1
    say(f"{what} = {got}" + ("" if got == wanted else f"   WANTED {wanted}"))


def compare(name, group, wanted):
    for file, value in wanted.items():
        path = group / file
        expect(f"{name} {file}", path.read_text().strip() if path.exists() else None, value)


def check(cluster):
    cluster.up(say)
    cluster.wait_nodes_ready()
    say("both nodes are Ready")
    cluster.kubectl("create", "-f", "-", input=POD)

    def field(path):
        return cluster.kubectl("get", "pod", "limited", "-o", f"jsonpath={{{path}}}", check=False).stdout

    wait_for("a running Pod", lambda: field(".status.phase") == "Running")
    say("the Pod runs")
    uid = field(".metadata.uid")
    container = field(".status.containerStatuses[0].containerID").rsplit("/", 1)[-1]
    node = pathlib.Path(f"/sys/fs/cgroup/berth-{cluster.id}-n1")
    group = node / f"kubepods/burstable/pod{uid}"
    say(f"controllers of the pod's children: {(group / 'cgroup.subtree_control').read_text().strip()}")
    compare("pod", group, OF_POD)
    compare("container", group / container, OF_CONTAINER)
    say(f"container pids.max = {(group / container / 'pids.max').read_text().strip()}")
    say(f"kubepods memory.max = {(node / 'kubepods/memory.max').read_text().strip()}, "
        f"cpu.weight = {(node / 'kubepods/cpu.weight').read_text().strip()}")
    inside = cluster.kubectl("exec", "limited", "--", "cat", "/sys/fs/cgroup/memory.max", check=False)
    expect("kubectl exec: memory.max", inside.stdout.strip() or inside.stderr.strip(), LIMITS["memory.max"])
    cluster.kubectl("delete", "pod", "limited", "--wait=false")
    wait_for("the end of the pod's cgroup", lambda: not group.exists())
    say("deleted; its cgroup is gone")


def show(cluster):
    files = [cluster.folder / "apiserver.log"]
    for node in cluster.nodes:
        files += [node.folder / name for name in ("init.log", "containerd.log", "berthd.log")]
    for file in files:
        if file.exists():
            print(f"--- {file}", *file.read_text(errors="replace").splitlines()[-15:], sep="\n")
    print(run("bash", "-c", "free -m; find /sys/fs/cgroup/berth-* -maxdepth 3 -type d;"
              "grep . /sys/fs/cgroup/berth-*/cgroup.{procs,subtree_control}", check=False).stdout)


def main():
    global failures
    print(run("bash", "-c", "uname -r; stat -fc %T /sys/fs/cgroup; cat /proc/1/comm; head -1 /etc/debian_version;"
              "cat /sys/fs/cgroup/cgroup.controllers /sys/fs/cgroup/cgroup.subtree_control").stdout)
    cluster = Cluster("guest", "/berth/build/it")
    try:
        check(cluster)
    except (ClusterError, OSError) as error:
        failures += 1
        say(f"FAILED: {error}")
    if failures:
        show(cluster)
    try:
        cluster.down()
        expect("left behind", cluster.leftovers(), [])
    except ClusterError as error:
        failures += 1
        say(f"FAILED: down: {error}")
    say("failures: " + str(failures))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
