#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs inside the guest of guest.py: the debs, a Pod with limits under systemd's cgroup driver on cgroup v2."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "dev/lib"))

import check  # noqa: E402
from check import compare, expect, say  # noqa: E402
from cluster import ClusterError, run, wait_for  # noqa: E402
from systemd_host import containerd_config  # noqa: E402

TOP = pathlib.Path("/sys/fs/cgroup")
NETWORK = """
ip link set lo up
ip link add eth0 type veth peer name peer0
ip addr add 172.31.0.2/24 dev eth0
ip link set eth0 up; ip link set peer0 up
ip route add default dev eth0
sysctl -qw net.ipv4.ip_forward=1
rm -f /etc/systemd/system/containerd.service
systemctl daemon-reload
"""
JOIN = """
cp /var/lib/berth-controlplane/pki/ca.crt /etc/berth/
umask 077
berth-controlplane kubeconfig --config /etc/berth/controlplane.yaml --node guest >/etc/berth/kubeconfig
sed -i 's/^cgroupDriver: .*/cgroupDriver: systemd/' /etc/berth/berthd.yaml
"""


def sh(script, check_code=True):
    return run("bash", "-ec", script, check=check_code).stdout.strip()


def kubectl(*arguments, check_code=True, **kwargs):
    return run("env", "KUBECONFIG=/var/lib/berth-controlplane/admin.kubeconfig", "kubectl", *arguments,
               check=check_code, **kwargs)


def field(pod, path):
    return kubectl("get", "pod", pod, "-o", f"jsonpath={{{path}}}", check_code=False).stdout


def install():
    sh(NETWORK)
    pathlib.Path("/etc/containerd").mkdir(exist_ok=True)
    pathlib.Path("/etc/containerd/config.toml").write_text(containerd_config())
    debs = sorted(pathlib.Path("/berth/debs").glob("*.deb"))
    run("dpkg", "-i", *debs)
    expect("berthd before it is configured", sh("systemctl is-active berthd || true"), "inactive")
    sh("systemctl start containerd")
    for image in ("pause", "busybox"):
        run("ctr", "-n", "k8s.io", "images", "import", f"/berth/build/images/{image}.tar")
    say("installed; containerd runs")
    sh("systemctl enable --now berth-controlplane")
    say("the control plane is active")
    sh(JOIN)
    sh(f"sed -i 's/^BERTHD_ARGS=.*/BERTHD_ARGS=--pod-max-pids={check.PIDS}/' /etc/default/berthd")
    sh("systemctl start berthd")
    wait_for("a Ready node", lambda: "Ready" in kubectl("get", "nodes", "--no-headers",
                                                        check_code=False).stdout.split()[1:2])
    say("the node is Ready")


def check_limits():
    kubectl("create", "-f", "-", input=check.POD.replace("  nodeName: n1\n", ""))
    wait_for("a running Pod", lambda: field("limited", ".status.phase") == "Running")
    say("the Pod runs")
    uid = field("limited", ".metadata.uid").replace("-", "_")
    slice_ = f"kubepods-burstable-pod{uid}.slice"
    group = TOP / "kubepods.slice/kubepods-burstable.slice" / slice_
    container = field("limited", ".status.containerStatuses[0].containerID").rsplit("/", 1)[-1]
    compare("pod", group, check.OF_POD)
    compare("container", group / f"cri-containerd-{container}.scope", check.OF_CONTAINER)
    compare("burstable", group.parent, {"cpu.weight": check.LIMITS["cpu.weight"], "memory.max": "max"})
    compare("besteffort", TOP / "kubepods.slice/kubepods-besteffort.slice", {"cpu.weight": "1"})
    say(f"kubepods.slice memory.max = {(TOP / 'kubepods.slice/memory.max').read_text().strip()}, "
        f"cpu.weight = {(TOP / 'kubepods.slice/cpu.weight').read_text().strip()}")
    shown = sh(f"systemctl show {slice_} -p MemoryMax -p TasksMax -p CPUWeight -p CPUQuotaPerSecUSec | sort")
    expect("systemd knows", shown.replace("\n", " "),
           f"CPUQuotaPerSecUSec=500ms CPUWeight=4 MemoryMax={64 << 20} TasksMax={check.PIDS}")
    sh("systemctl daemon-reload")
    compare("after systemd reloaded: pod", group, check.OF_POD)
    before = sh("ctr -n k8s.io tasks ls | sort")
    sh("systemctl restart berthd")
    expect("after a restart of berthd: containers are the same", sh("ctr -n k8s.io tasks ls | sort") == before, True)
    kubectl("delete", "pod", "limited", "--wait=false")
    wait_for("the end of the pod's slice", lambda: not group.exists())
    expect("its unit", sh(f"systemctl is-active {slice_} || true"), "inactive")


def main():
    print(run("bash", "-c", "uname -r; stat -fc %T /sys/fs/cgroup; cat /proc/1/comm; "
              "cat /sys/fs/cgroup/cgroup.subtree_control").stdout)
    test = pathlib.Path("/berth/build/it/cgroups/cgroups_test")
    if test.exists():
        out = run(test, "--gtest_filter=RealSystemd.*", check=False).stdout
        expect("cgroups_test RealSystemd", "[  PASSED  ] 1 test." in out, True)
    try:
        install()
        check_limits()
    except (ClusterError, OSError, ValueError) as error:
        check.failures += 1
        say(f"FAILED: {error}")
    if check.failures:
        print(run("bash", "-c", "journalctl --no-pager -n 60 -u berthd -u berth-controlplane; "
                  "journalctl --no-pager -p warning -n 30; find /sys/fs/cgroup/kubepods.slice -type d",
                  check=False).stdout)
    say(f"{check.failures} failures")
    sys.exit(1 if check.failures else 0)


if __name__ == "__main__":
    main()
