#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The Debian packages, made and installed on a machine of namespaces whose init is systemd: units, joining,
restarts, the watchdog, upgrades, removal. The node there uses the systemd cgroup driver."""

import atexit
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import harness
from cluster import ClusterError, run, unified, wait_for
from systemd_host import SYSTEMD, SystemdHost, containerd_config

BUILD = pathlib.Path(harness.BUILD).resolve()
OUT = BUILD / "packages"
LIB = harness.ROOT / "dev/lib"
SHELLS = {"bash": "usr/share/bash-completion/completions/%s", "zsh": "usr/share/zsh/vendor-completions/_%s",
          "fish": "usr/share/fish/vendor_completions.d/%s.fish"}
PROGRAMS = {"berth-node": "berthd", "berth-controlplane": "berth-controlplane"}
LIMITED = """
apiVersion: v1
kind: Pod
metadata: {name: limited}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: app
    image: berth.local/busybox:1
    command: [sleep, "1000000"]
    resources: {requests: {cpu: 100m, memory: 32Mi}, limits: {cpu: 330m, memory: 64Mi}}
"""


def reason_to_skip():
    if os.geteuid() != 0:
        return "needs root"
    missing = [p for p in ("dpkg-buildpackage", "lintian", "man", SYSTEMD, *SHELLS) if not shutil.which(p)]
    if missing:
        return "not installed: " + ", ".join(missing)
    probe = "mount -t tmpfs t /mnt && mkdir /mnt/{u,w,r} && mount -t overlay -o lowerdir=/,upperdir=/mnt/u," \
            "workdir=/mnt/w o /mnt/r"
    result = run("unshare", "-m", "-p", "-C", "-u", "-i", "-n", "--fork", "bash", "-c", probe, check=False)
    return f"no namespaces or overlayfs here: {result.stderr.strip()}" if result.returncode else ""


class PackagesTest(unittest.TestCase):
    host = None

    @classmethod
    def setUpClass(cls):
        reason = reason_to_skip()
        if reason:
            print(f"SKIPPED: {reason}", file=sys.stderr)
            raise unittest.SkipTest(reason)
        atexit.register(cls.end)

    @classmethod
    def end(cls):
        if cls.host and not harness.KEEP:
            cls.host.stop()
            cls.host = None

    @classmethod
    def tearDownClass(cls):
        cls.end()

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before and self.host:
            print(self.host.sh("journalctl --no-pager -n 40 -u berthd -u berth-controlplane; journalctl --no-pager -n 20"
                               " -p warning; systemctl --failed --no-pager; dpkg -l 'berth*'",
                               check=False).stdout, file=sys.stderr)
        return result

    def eventually(self, what, condition, seconds=60.0):
        try:
            wait_for(what, condition, seconds)
        except ClusterError as error:
            self.fail(str(error))

    def deb(self, package):
        return next(OUT.glob(f"{package}_*.deb"))

    def sh(self, script, check=True, **kwargs):
        return self.host.sh(script, check=check, **kwargs).stdout.strip()

    def show(self, unit, *names):
        out = self.sh(f"systemctl show {unit} -p {','.join(names)}")
        values = dict(line.split("=", 1) for line in out.splitlines())
        return values[names[0]] if len(names) == 1 else [values[name] for name in names]

    def active(self, unit):
        return self.show(unit, "ActiveState") == "active"

    def kubectl(self, *arguments, check=True, **kwargs):
        return self.host.run("env", "KUBECONFIG=/var/lib/berth-controlplane/admin.kubeconfig", "kubectl", *arguments,
                             check=check, **kwargs)

    def pod(self, name="limited"):
        return json.loads(self.kubectl("get", "pod", name, "-o", "json").stdout)

    def node_ready(self):
        out = self.kubectl("get", "nodes", "--no-headers", check=False).stdout.split()
        return out[1:2] == ["Ready"]

    def containers(self):
        """What a restart of ours must not change: the runtime's containers and their processes."""
        return self.sh("ctr -n k8s.io tasks ls | sort")

    # --- the packages themselves

    def test_01_are_made_and_please_lintian(self):
        for deb in OUT.glob("*.deb"):
            deb.unlink()
        result = run(harness.ROOT / "dev/package", "--build", BUILD, "--out", OUT, "deb", check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertNotRegex(result.stdout, r"(?m)^[EW]: ")
        overrides = list((harness.ROOT / "packaging").rglob("*lintian-overrides"))
        self.assertEqual(overrides, [])

    def test_02_pages_render_and_completions_parse(self):
        with tempfile.TemporaryDirectory() as folder:
            for package, program in PROGRAMS.items():
                run("dpkg-deb", "-x", self.deb(package), folder)
                for shell, path in SHELLS.items():
                    run(shell, "-n", pathlib.Path(folder) / (path % program))
                page = run("man", "--warnings", "-l", f"{folder}/usr/share/man/man8/{program}.8.gz",
                           env=dict(os.environ, MANWIDTH="80", LC_ALL="C.UTF-8", MANROFFOPT="-c"))
                self.assertEqual(page.stderr, "")
                for heading in ("NAME", "SYNOPSIS", "OPTIONS", "FILES", "PORTS"):
                    self.assertRegex(page.stdout, rf"(?m)^{heading}$")
                text = run(f"{folder}/usr/sbin/{program}", "--help").stdout
                flags = set(re.findall(r"^  (?:-\w,)?(--[\w-]+)", text, re.MULTILINE)) - set(
                    re.findall(r"^  (--[\w-]+)(?: TEXT)?\s+ignored$", text, re.MULTILINE))
                self.assertGreater(len(flags), 8)
                self.assertEqual([f for f in flags if f not in page.stdout], [])
            words = run("bash", "-c", f"source {folder}/{SHELLS['bash'] % 'berthd'}; COMP_WORDS=(berthd --kubec);"
                        "COMP_CWORD=1; _berthd; echo ${COMPREPLY[*]}").stdout.split()
            self.assertEqual(words, ["--kubeconfig"])

    # --- installed

    def test_03_nothing_starts_before_it_is_configured(self):
        type(self).host = SystemdHost(f"pkg{os.getpid()}", harness.ROOT, BUILD)
        self.host.start()
        self.host.run("dpkg", "-i", self.deb("berth-node"), self.deb("berth-controlplane"))
        self.assertEqual(self.sh("berthd --version"), run(BUILD / "agent/berthd",
                                                          "--version").stdout.strip())
        self.assertEqual(self.sh("systemctl is-enabled berthd berth-controlplane", check=False), "enabled\ndisabled")
        self.assertEqual(self.show("berthd", "ActiveState", "ConditionResult"), ["inactive", "no"])
        self.assertEqual(self.show("berth-controlplane", "ActiveState"), "inactive")
        verified = self.host.sh("systemd-analyze verify berthd.service berth-controlplane.service", check=False)
        self.assertEqual([line for line in verified.stderr.splitlines() if "berth" in line], [])

    def test_04_the_control_plane_runs(self):
        self.sh("systemctl enable --now berth-controlplane")
        self.assertTrue(self.active("berth-controlplane"))
        self.assertEqual(self.kubectl("get", "--raw", "/readyz").stdout, "ok")
        self.assertEqual(self.sh("stat -c %U:%a /var/lib/berth-controlplane"), "berth-controlplane:700")
        pid = self.show("berth-controlplane", "MainPID")
        self.assertEqual(self.sh(f"sed -n 's/^Cap\\(Prm\\|Bnd\\):\t//p' /proc/{pid}/status").split(), ["0" * 16] * 2)

    def test_05_a_node_joins_under_the_systemd_driver(self):
        self.sh("cat >/etc/containerd/config.toml; systemctl restart containerd", input=containerd_config())
        run("/usr/bin/python3", LIB / "images.py", harness.ROOT / "build/images")
        for image in ("pause", "busybox"):
            self.host.run("ctr", "-n", "k8s.io", "images", "import", harness.ROOT / f"build/images/{image}.tar")
        # The shipped file, edited as an administrator would.
        self.sh("sed -i 's/^cgroupDriver: .*/cgroupDriver: systemd\\nfailCgroupV1: false/' /etc/berth/berthd.yaml")
        self.sh("cp /var/lib/berth-controlplane/pki/ca.crt /etc/berth/; umask 077; berth-controlplane "
                "bootstrap-kubeconfig --config /etc/berth/controlplane.yaml >/etc/berth/bootstrap-kubeconfig")
        self.sh("systemctl start berthd")
        self.assertTrue(self.active("berthd"))
        self.assertEqual(self.sh("stat -c %a /etc/berth/kubeconfig"), "600")
        self.eventually("a Ready node", self.node_ready)
        self.kubectl("create", "-f", "-", input=LIMITED)
        self.kubectl("wait", "--for=condition=Ready", "pod/limited", "--timeout=120s")

    def test_06_limits_are_those_of_its_slices(self):
        uid = self.pod()["metadata"]["uid"].replace("-", "_")
        unit = f"kubepods-burstable-pod{uid}.slice"
        path = f"kubepods.slice/kubepods-burstable.slice/{unit}"
        self.assertEqual(self.show(unit, "ActiveState", "ControlGroup"), ["active", "/" + path])
        container = self.pod()["status"]["containerStatuses"][0]["containerID"].rsplit("/", 1)[-1]
        scope = f"{path}/cri-containerd-{container}.scope"
        if unified():
            files = {"memory.max": str(64 << 20), "cpu.max": "33000 100000", "cpu.weight": "4"}
            found = {f: self.sh(f"cat /sys/fs/cgroup/{path}/{f}") for f in files}
            self.assertEqual(self.sh(f"cat /sys/fs/cgroup/{scope}/memory.max"), files["memory.max"])
        else:
            files = {"memory/memory.limit_in_bytes": str(64 << 20), "cpu/cpu.cfs_quota_us": "33000",
                     "cpu/cpu.shares": "102"}
            found = {f: self.sh("cat /sys/fs/cgroup/" + f.replace("/", f"/{path}/")) for f in files}
            self.assertEqual(self.sh(f"cat /sys/fs/cgroup/memory/{scope}/memory.limit_in_bytes"), str(64 << 20))
        self.assertEqual(found, files)
        self.sh("systemctl daemon-reload")
        memory = "MemoryMax" if unified() else "MemoryLimit"
        self.assertEqual(self.show(unit, memory), str(64 << 20))

    def test_07_the_driver_by_itself(self):
        program = BUILD / "cgroups/cgroups_test"
        if not program.exists():
            self.skipTest(f"{program} is not built")
        out = self.sh(f"{program} --gtest_filter='RealSystemd.*'")
        self.assertIn("[  PASSED  ] 1 test.", out)

    def test_08_a_restart_disturbs_no_container(self):
        before, pid = self.containers(), self.show("berthd", "MainPID")
        self.assertEqual(before.count("RUNNING"), 2)
        self.sh("systemctl restart berthd berth-controlplane")
        self.assertNotEqual(self.show("berthd", "MainPID"), pid)
        self.eventually("a Ready node", self.node_ready)
        self.assertEqual(self.containers(), before)
        self.assertEqual(self.pod()["status"]["containerStatuses"][0]["restartCount"], 0)

    def test_09_the_watchdog_ends_a_daemon_that_stands_still(self):
        before = self.containers()
        for unit in ("berthd", "berth-controlplane"):
            self.assertEqual(self.show(unit, "WatchdogUSec"), "30s")
            self.sh(f"mkdir -p /run/systemd/system/{unit}.service.d; printf '[Service]\\nWatchdogSec=4s\\n'"
                    f" >/run/systemd/system/{unit}.service.d/soon.conf; systemctl daemon-reload;"
                    f" systemctl restart {unit}")
            pid = self.show(unit, "MainPID")
            self.sh(f"kill -STOP {pid}")
            self.eventually(f"another {unit}", lambda u=unit, p=pid: self.active(u) and
                            self.show(u, "MainPID") not in (p, "0"))
            self.assertIn("Watchdog timeout", self.sh(f"journalctl -u {unit} --no-pager"))
            self.sh(f"rm -r /run/systemd/system/{unit}.service.d; systemctl daemon-reload")
        self.eventually("a Ready node", self.node_ready)
        self.assertEqual(self.containers(), before)

    def test_10_an_upgrade_keeps_edited_configuration_and_containers(self):
        before, edited = self.containers(), self.sh("cat /etc/berth/berthd.yaml")
        self.host.run("dpkg", "-i", self.deb("berth-node"))
        self.assertEqual(self.sh("cat /etc/berth/berthd.yaml"), edited)
        pid = self.show("berthd", "MainPID")
        self.sh(f"cd $(mktemp -d); dpkg-deb -R {self.deb('berth-node')} d; echo '# new' >>d/etc/berth/berthd.yaml;"
                "echo '# new' >>d/etc/default/berthd; sed -i 's/^Version: .*/&+1/' d/DEBIAN/control;"
                "dpkg-deb -b d new.deb; dpkg --force-confdef --force-confold -i new.deb")
        self.assertIn("+1", self.sh("dpkg-query -W -f '${Version}' berth-node"))
        self.assertEqual(self.sh("cat /etc/berth/berthd.yaml"), edited)
        self.assertIn("# new", self.sh("cat /etc/default/berthd"))
        self.assertTrue(self.active("berthd"))
        self.assertNotEqual(self.show("berthd", "MainPID"), pid)
        self.eventually("a Ready node", self.node_ready)
        self.assertEqual(self.containers(), before)

    def test_11_a_deleted_pod_takes_its_slice_along(self):
        self.kubectl("delete", "pod", "limited", "--timeout=60s")
        self.eventually("the end of the slice", lambda: not self.sh(
            "systemctl list-units --plain --no-legend 'kubepods-burstable-pod*'"))
        self.assertEqual(self.sh("find /sys/fs/cgroup -name 'kubepods-burstable-pod*'"), "")

    def test_12_removal_keeps_configuration_and_a_purge_nothing(self):
        self.assertIn("netproxy", self.sh("nft list tables"))
        self.host.run("dpkg", "-r", *PROGRAMS)
        self.assertNotIn("netproxy", self.sh("nft list tables"))
        self.assertEqual(self.sh("pgrep -l berth", check=False), "")
        self.sh("test -s /etc/berth/berthd.yaml -a -s /etc/berth/kubeconfig -a -d /var/lib/berth-controlplane")
        self.host.run("dpkg", "-P", *PROGRAMS)
        left = self.sh("ls -d /etc/berth* /etc/default/berth* /var/lib/kubelet /var/lib/berth* /var/log/pods"
                       " /var/log/containers /usr/sbin/berth* /lib/systemd/system/berth* /usr/share/doc/berth*"
                       " /etc/systemd/system/*/berth* /var/lib/systemd/deb-systemd-helper-*/*berth*"
                       " /usr/share/man/man8/berth* 2>/dev/null", check=False)
        self.assertEqual(left, "")
        self.assertEqual(self.sh("dpkg -l 'berth*' | grep ^.[^n]", check=False).count("berth"), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2, failfast=True)  # each test builds on those before it
