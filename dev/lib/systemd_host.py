# SPDX-License-Identifier: Apache-2.0
"""A machine of namespaces with systemd as its init: for what only an installed unit can show.

Its root is this machine's with everything written going to memory (dev/lib/systemd-init), so what is
installed in it leaves nothing here. It carries an id, as clusters do, and lives in cgroups of its own.
"""

import pathlib
import re
import shutil

from cluster import LIB, Process, hierarchies, remove_group, run, unified, wait_for

ADDRESS = "172.31.0.2"
SYSTEMD = "/lib/systemd/systemd"


def containerd_config():
    """A virtual node's containerd, with the usual folders and the systemd cgroup driver."""
    text = (LIB / "containerd.toml").read_text().replace("@FOLDER@/containerd", "/var/lib/containerd")
    text = text.replace("@FOLDER@/cni.template", str(LIB / "cni.template")).replace("@FOLDER@/cni", "/etc/cni/net.d")
    return re.sub(r"( *)BinaryName = .*", r"\g<0>\n\1SystemdCgroup = true", text)


class SystemdHost:
    def __init__(self, host_id, *paths):
        self.id = host_id
        self.folder = pathlib.Path(f"/tmp/berth-{host_id}")
        self.paths = paths  # of this machine, seen there as they are
        self.outer = Process(self.folder / "outer.pid")
        self.log = self.folder / "init.log"

    def _cgroups(self):
        return [hierarchy / f"berth-{self.id}" for hierarchy in hierarchies()]

    def start(self):
        self.folder.mkdir(mode=0o700)
        (self.folder / "machine").mkdir()
        enter = ""
        for group in self._cgroups():
            group.mkdir(exist_ok=True)
            if (group / "cpuset.mems").exists() and not unified():
                for name in ("cpuset.mems", "cpuset.cpus"):
                    (group / name).write_text((group.parent / name).read_text())
                (group / "cgroup.clone_children").write_text("1")
            enter += f"echo $$ >{group}/cgroup.procs; "
        self.outer.start(
            ["bash", "-c", enter + 'exec "$@"', "bash", "unshare", "-m", "-p", "-C", "-u", "-i", "-n", "--fork",
             "--kill-child", LIB / "systemd-init", self.id, self.folder / "machine", ADDRESS, *self.paths],
            self.log)
        wait_for("systemd", self._booted, 60)

    def _booted(self):
        if not self.outer.pid():
            raise OSError(f"the machine ended: {self.log.read_text()}")
        pid = self.init_pid()
        if not pid or "systemd" not in pathlib.Path(f"/proc/{pid}/comm").read_text():
            return False
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded")

    def init_pid(self):
        outer = self.outer.pid()
        children = pathlib.Path(f"/proc/{outer}/task/{outer}/children").read_text().split() if outer else []
        return int(children[0]) if children else None

    def run(self, *command, check=True, **kwargs):
        inside = ["nsenter", "-t", str(self.init_pid()), "-a", "--", "env", "-i", "container=berth", "HOME=/root",
                  "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive"]
        return run(*inside, *command, check=check, **kwargs)

    def sh(self, script, check=True, **kwargs):
        return self.run("bash", "-c", script, check=check, **kwargs)

    def stop(self):
        self.outer.stop()
        for group in self._cgroups():
            wait_for(f"end of the processes in {group}", lambda g=group: remove_group(g), 15)
        shutil.rmtree(self.folder, ignore_errors=True)
