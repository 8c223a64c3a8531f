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
# The shell would go on after its child's end, were they not killed together.
GREEDY = """
apiVersion: v1
kind: Pod
metadata: {name: greedy}
spec:
  nodeName: n1
  restartPolicy: Never
  containers:
  - name: app
    image: berth.local/busybox:1
    command: [sh, -c, "tail /dev/zero; echo went on; exit 3"]
    resources: {limits: {memory: 24Mi}}
"""
PIDS = "64"
LIMITS = {"memory.max": str(64 << 20), "cpu.max": "50000 100000", "cpu.weight": "4"}
OF_POD = dict(LIMITS, **{"pids.max": PIDS})
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


def field(cluster, pod, path):
    return cluster.kubectl("get", "pod", pod, "-o", f"jsonpath={{{path}}}", check=False).stdout


def group_of(cluster, pod):
    group = pathlib.Path(f"/sys/fs/cgroup/berth-{cluster.id}-n1/kubepods/burstable")
    return group / ("pod" + field(cluster, pod, ".metadata.uid"))


def check(cluster):
    cluster.up(say)
    cluster.wait_nodes_ready()
    say("both nodes are Ready")
    cluster.nodes[0].kill_berthd()
    cluster.nodes[0].start_berthd("--pod-max-pids", PIDS)
    cluster.kubectl("create", "-f", "-", input=POD)
    wait_for("a running Pod", lambda: field(cluster, "limited", ".status.phase") == "Running")
    say("n1's berthd is another one; the Pod runs")
    check_limits(cluster)
    check_beside_systemd(cluster)
    group = group_of(cluster, "limited")
    cluster.kubectl("delete", "pod", "limited", "--wait=false")
    wait_for("the end of the pod's cgroup", lambda: not group.exists())
    say("deleted; its cgroup is gone")
    check_out_of_memory(cluster)


def check_limits(cluster):
    group = group_of(cluster, "limited")
    container = field(cluster, "limited", ".status.containerStatuses[0].containerID").rsplit("/", 1)[-1]
    compare("pod", group, OF_POD)
    compare("container", group / container, OF_CONTAINER)
    top = group.parent.parent
    compare("burstable", group.parent, {"cpu.weight": LIMITS["cpu.weight"], "memory.max": "max"})
    compare("besteffort", top / "besteffort", {"cpu.weight": "1"})
    say(f"kubepods memory.max = {(top / 'memory.max').read_text().strip()}, "
        f"cpu.weight = {(top / 'cpu.weight').read_text().strip()}")
    inside = cluster.kubectl("exec", "limited", "--", "cat", "/sys/fs/cgroup/memory.max", check=False)
    expect("kubectl exec: memory.max", inside.stdout.strip() or inside.stderr.strip(), LIMITS["memory.max"])


def check_beside_systemd(cluster):
    """systemd sets the root's controllers by what its own units need."""
    unit = pathlib.Path("/run/systemd/system/weighed.service")
    unit.write_text("[Service]\nType=oneshot\nExecStart=/bin/true\nCPUWeight=50\nIOWeight=50\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "start", "weighed.service")
    unit.unlink()
    run("systemctl", "daemon-reload")
    compare("after systemd reloaded: pod", group_of(cluster, "limited"), OF_POD)


def check_out_of_memory(cluster):
    cluster.kubectl("create", "-f", "-", input=GREEDY)
    wait_for("the greedy Pod's end", lambda: field(cluster, "greedy", ".status.phase") in ("Failed", "Succeeded"))
    ended = ".status.containerStatuses[0].state.terminated"
    expect("out of memory: reason", field(cluster, "greedy", ended + ".reason"), "OOMKilled")
    expect("out of memory: exit code", field(cluster, "greedy", ended + ".exitCode"), "137")


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
    test = pathlib.Path("/berth/build/it/cgroups/cgroups_test")
    if test.exists():
        result = run(test, check=False)
        expect("cgroups_test", (result.returncode, "SKIPPED" in result.stdout), (0, False))
        print(*result.stdout.strip().splitlines()[-3 if result.returncode == 0 else -40:], sep="\n", flush=True)
    cluster = Cluster("guest", "/berth/build/it")
    try:
        check(cluster)
    except (ClusterError, OSError, ValueError) as error:
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
