#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A Berth cluster of virtual nodes on this machine, for dev/up and the e2e tests.

A node is a set of namespaces (network, mount, PID, UTS, IPC, cgroup) with its own containerd and
berthd. Nodes and the control plane meet on a bridge in a network namespace of their own, the
fabric; the host's network, /run and /var/lib are not touched. kubectl on the host reaches the API
server through a socket that listens on 127.0.0.1 here and is handed to it (LISTEN_FDS).

Everything of a cluster carries its id: namespaces berth-ID-*, cgroups berth-ID-*, folder
/tmp/berth-ID. Several clusters live side by side.
"""

import argparse
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

LIB = pathlib.Path(__file__).resolve().parent
ROOT = LIB.parent.parent
SUBNET = "172.30.0"
CONTROL_PLANE = SUBNET + ".1"
API_PORT = 6443
CGROUPS = pathlib.Path("/sys/fs/cgroup")
# Slow machines (an emulated one, say) stretch all deadlines by this.
PATIENCE = float(os.environ.get("BERTH_PATIENCE", "1"))


class ClusterError(Exception):
    pass


def run(*command, check=True, **kwargs):
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True, **kwargs)
    if check and result.returncode != 0:
        raise ClusterError(f"{' '.join(map(str, command))}: {result.stderr.strip()}")
    return result


def wait_for(what, condition, seconds=30.0):
    seconds *= PATIENCE
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise ClusterError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.02)


def alive(pid):
    """False also for a zombie, but not before its last thread, which may hold its sockets, is gone."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            zombie = stat.read().rsplit(")", 1)[1].split()[0] == "Z"
        return not zombie or len(os.listdir(f"/proc/{pid}/task")) > 1
    except OSError:
        return False


def kill(pid, with_signal=signal.SIGKILL, seconds=10.0):
    try:
        os.kill(pid, with_signal)
    except ProcessLookupError:
        return
    wait_for(f"end of process {pid}", lambda: not alive(pid), seconds)


def unified():
    return (CGROUPS / "cgroup.controllers").exists()


def hierarchies():
    """The cgroup mounts in which a node gets a group: each of v1, or the one of v2."""
    if unified():
        return [CGROUPS]
    with open("/proc/self/mounts") as mounts:
        return [pathlib.Path(f[1]) for f in map(str.split, mounts) if f[2] in ("cgroup", "cgroup2")]


class Process:
    """A program of the cluster, known by its pid file."""

    def __init__(self, pid_file):
        self.pid_file = pid_file
        self.child = None  # when this very program started it

    def pid(self):
        try:
            pid = int(self.pid_file.read_text())
        except (OSError, ValueError):
            return None
        return pid if alive(pid) else None

    def start(self, command, log, **kwargs):
        with open(log, "ab") as out:
            self.child = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=out,
                                          stderr=out, start_new_session=True, **kwargs)
        self.pid_file.write_text(str(self.child.pid))

    def stop(self, with_signal=signal.SIGKILL):
        pid = self.pid()
        if pid:
            kill(pid, with_signal)
        if self.child:
            self.child.wait()
            self.child = None
        self.pid_file.unlink(missing_ok=True)


class Node:
    def __init__(self, cluster, index):
        self.cluster = cluster
        self.name = f"n{index}"
        self.address = f"{SUBNET}.{10 + index}"
        self.folder = cluster.folder / self.name
        self.netns = f"berth-{cluster.id}-{self.name}"
        self.outer = Process(self.folder / "outer.pid")
        self.berthd = Process(self.folder / "berthd.pid")
        self.containerd = Process(self.folder / "containerd.pid")  # one that was started again
        self.log = self.folder / "berthd.log"

    def init_pid(self):
        """The host's pid of the node's pid 1."""
        outer = self.outer.pid()
        if not outer:
            raise ClusterError(f"node {self.name} does not run")
        children = pathlib.Path(f"/proc/{outer}/task/{outer}/children").read_text().split()
        return int(children[0]) if children else None

    def inside(self, *command):
        """`command` as it runs inside the node's namespaces."""
        return ["nsenter", "-t", str(self.init_pid()), "-m", "-u", "-i", "-n", "-p", "-C", "--",
                *map(str, command)]

    def run(self, *command, check=True, **kwargs):
        return run(*self.inside(*command), check=check, **kwargs)

    def _write_files(self):
        self.folder.mkdir(mode=0o700)
        (self.folder / "cni").mkdir()
        for name, source in (("containerd.toml", "containerd.toml"), ("cni.template", "cni.template"),
                             ("berthd.yaml", "node-config.yaml")):
            text = (LIB / source).read_text().replace("@FOLDER@", str(self.folder))
            if name == "berthd.yaml":
                kind = "kind: KubeletConfiguration\n"
                text = text.replace(kind, kind + self.cluster.node_settings)
            (self.folder / name).write_text(text)
        try:
            shutil.copyfile("/etc/resolv.conf", self.folder / "resolv.conf")
        except OSError:
            (self.folder / "resolv.conf").write_text("")
        (self.folder / "ca.crt").write_text((self.cluster.data / "pki" / "ca.crt").read_text())

    def _make_network(self):
        fabric, link = self.cluster.fabric, f"b{self.name}"
        run("ip", "netns", "add", self.netns)
        for command in (
                ["-n", self.netns, "link", "set", "lo", "up"],
                ["-n", fabric, "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", self.netns],
                ["-n", fabric, "link", "set", link, "master", "br0", "up"],
                ["-n", self.netns, "addr", "add", f"{self.address}/24", "dev", "eth0"],
                ["-n", self.netns, "link", "set", "eth0", "up"],
                ["-n", self.netns, "route", "add", "default", "via", CONTROL_PLANE]):
            run("ip", *command)
        for key in ("net.ipv4.ip_forward", "net.bridge.bridge-nf-call-iptables"):
            run("nsenter", f"--net=/run/netns/{self.netns}", "sysctl", "-qw", f"{key}=1", check=False)

    def _cgroups(self):
        return [h / f"berth-{self.cluster.id}-{self.name}" for h in hierarchies()]

    def _enter_cgroups(self, child="init"):
        """Shell commands that put the shell into the node's groups. On v2 into a child of it: a
        group whose children have controllers holds no process itself."""
        groups = [group / child if unified() else group for group in self._cgroups()]
        return "".join(f"echo $$ >{group}/cgroup.procs; " for group in groups)

    def _make_cgroups(self):
        if unified():
            for controller in (CGROUPS / "cgroup.controllers").read_text().split():
                try:
                    (CGROUPS / "cgroup.subtree_control").write_text("+" + controller)
                except OSError:
                    pass
        for group in self._cgroups():
            group.mkdir(exist_ok=True)
            if unified():
                (group / "init").mkdir(exist_ok=True)
            elif (group / "cpuset.mems").exists():
                for name in ("cpuset.mems", "cpuset.cpus"):
                    (group / name).write_text((group.parent / name).read_text())
                (group / "cgroup.clone_children").write_text("1")

    def _init_command(self):
        """The shell command that becomes the node's pid 1 and its parent."""
        enter = f"exec nsenter --net=/run/netns/{self.netns} unshare "
        init = f"-m -u -i -p --fork --kill-child {LIB}/node-init {self.name} {self.folder}"
        if not unified():
            return f"{self._enter_cgroups()}{enter}-C {init}"
        # The cgroup namespace begins at the group itself, which then must be empty of processes.
        return (f"{self._enter_cgroups('.')}{enter}-C "
                f"bash -c '{self._enter_cgroups()}exec unshare {init}'")

    def start(self):
        self._write_files()
        self._boot()
        for image in ("pause", "busybox", "web"):
            self.run("ctr", "-n", "k8s.io", "images", "import", self.cluster.images / f"{image}.tar")
        self.cluster.write_kubeconfig(self)

    def _boot(self):
        self._make_network()
        self._make_cgroups()
        self.outer.start(["bash", "-c", self._init_command()], self.folder / "init.log")
        wait_for(f"containerd of {self.name}", self._containerd_answers)

    def lose_power(self):
        """All processes, its network and /run are gone at once; files stay."""
        self.stop()
        # The kernel takes its time with the other end.
        run("ip", "-n", self.cluster.fabric, "link", "del", f"b{self.name}", check=False)

    def restore_power(self):
        """Boots it again and starts berthd."""
        self._boot()
        self.start_berthd()

    def _containerd_answers(self):
        if not self.outer.pid():
            raise ClusterError(f"node {self.name} ended: {(self.folder / 'init.log').read_text()}")
        if not self.init_pid():
            return False
        return self.run("ctr", "version", check=False).returncode == 0

    def start_berthd(self, *flags):
        command = self.inside(
            self.cluster.build / "agent" / "berthd", "--config", self.folder / "berthd.yaml",
            "--kubeconfig", self.folder / "kubeconfig", "--hostname-override", self.name,
            "--node-ip", self.address, "--pod-routes", *flags)
        script = self._enter_cgroups() + 'exec "$@"'
        self.berthd.start(["bash", "-c", script, "bash", *command], self.log)

    def berthd_pid(self):
        """The host's pid of berthd itself: nsenter forks it."""
        outer = self.berthd.pid()
        if not outer:
            return None
        children = pathlib.Path(f"/proc/{outer}/task/{outer}/children").read_text().split()
        return int(children[0]) if children else outer

    def kill_berthd(self, with_signal=signal.SIGKILL):
        pid = self.berthd_pid()
        if pid:
            kill(pid, with_signal)
        self.berthd.stop()

    def containerd_pid(self):
        """The host's pid of the node's containerd; None when it does not run."""
        namespace = f"/proc/{self.init_pid()}/ns/pid"
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if (entry.name.isdigit() and (entry / "comm").read_text() == "containerd\n"
                        and alive(entry.name) and (entry / "ns/pid").samefile(namespace)):
                    return int(entry.name)
            except OSError:
                continue
        return None

    def kill_containerd(self):
        pid = self.containerd_pid()
        if pid:
            kill(pid)
        self.containerd.stop()

    def start_containerd(self):
        script = self._enter_cgroups() + 'exec "$@"'
        self.containerd.start(["bash", "-c", script, "bash", *self.inside(
            "containerd", "--config", self.folder / "containerd.toml")], self.folder / "containerd.log")

    def cut(self):
        """Takes the node from the network of the nodes, or, with join(), back into it."""
        run("ip", "-n", self.cluster.fabric, "link", "set", f"b{self.name}", "down")

    def join(self):
        run("ip", "-n", self.cluster.fabric, "link", "set", f"b{self.name}", "up")

    def stop(self):
        self.berthd.stop()
        self.outer.stop()
        self.containerd.stop()
        run("ip", "netns", "del", self.netns, check=False)
        for group in self._cgroups():
            wait_for(f"end of the processes in {group}", lambda g=group: remove_group(g), 15)


def remove_group(group):
    """Removes a cgroup and what is below it; False while processes are still ending in it."""
    for path, _, _ in os.walk(group, topdown=False):
        try:
            os.rmdir(path)
        except OSError:
            return False
    return True


class Cluster:
    def __init__(self, cluster_id, build=None):
        self.id = cluster_id
        self.folder = pathlib.Path(f"/tmp/berth-{cluster_id}")
        self.build = pathlib.Path(build or ROOT / "build/release").resolve()
        self.data = self.folder / "control-plane"
        self.images = ROOT / "build/images"
        self.fabric = f"berth-{cluster_id}-net"
        self.kubeconfig = self.folder / "kubeconfig"
        self.apiserver = Process(self.folder / "apiserver.pid")
        self.nodes = [Node(self, i) for i in (1, 2)]
        self.node_settings = ""  # lines more of every node's KubeletConfiguration
        self.apiserver_flags = []  # flags more of the control plane

    # --- parts

    def _make_fabric(self):
        run("ip", "netns", "add", self.fabric)
        for command in (["link", "set", "lo", "up"], ["link", "add", "br0", "type", "bridge"],
                        ["addr", "add", f"{CONTROL_PLANE}/24", "dev", "br0"], ["link", "set", "br0", "up"]):
            run("ip", "-n", self.fabric, *command)

    def _program(self, name):
        return self.build / "controlplane" / name

    def start_apiserver(self, *flags):
        """Its own listener lies in the fabric; the one for the host is made here and handed over."""
        port_file = self.folder / "port"
        port = int(port_file.read_text()) if port_file.exists() else 0
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            listener.listen(128)
            port_file.write_text(str(listener.getsockname()[1]))
            # Not 3 itself, which the shell moves it to.
            fd = fcntl.fcntl(listener.fileno(), fcntl.F_DUPFD, 10)
            script = f'exec 3<&{fd} {fd}<&-; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@"'
            self.apiserver.start(
                ["bash", "-c", script, "bash", "nsenter", f"--net=/run/netns/{self.fabric}",
                 self._program("berth-controlplane"), "--data-dir", self.data, "--bind-address",
                 CONTROL_PLANE, "--secure-port", API_PORT, "--advertise-address", CONTROL_PLANE,
                 *self.apiserver_flags, *flags],
                self.folder / "apiserver.log", pass_fds=(fd,))
            os.close(fd)
        wait_for("the API server", self._ready)

    def _ready(self):
        if not self.apiserver.pid():
            raise ClusterError(f"the control plane ended; see {self.folder}/apiserver.log")
        if not self.kubeconfig.exists():
            admin = self.data / "admin.kubeconfig"
            if not admin.exists():
                return False
            port = (self.folder / "port").read_text()
            text = admin.read_text()
            server = next(line.split("server:")[1].strip() for line in text.splitlines() if "server:" in line)
            self.kubeconfig.write_text(text.replace(server, f"https://127.0.0.1:{port}"))
            self.kubeconfig.chmod(0o600)
        return self.kubectl("get", "--raw", "/readyz", check=False).returncode == 0

    def cut_apiserver(self):
        """Nodes and Pods reach the API server no more, nor does it answer them; this host does."""
        run("nsenter", f"--net=/run/netns/{self.fabric}", "nft", "-f", "-", input=f"""
            table ip outage {{
              chain in {{ type filter hook input priority 0; ip saddr {SUBNET}.0/24 tcp dport {API_PORT} drop; }}
              chain out {{ type filter hook output priority 0; ip daddr {SUBNET}.0/24 tcp sport {API_PORT} drop; }}
            }}""")

    def join_apiserver(self):
        run("nsenter", f"--net=/run/netns/{self.fabric}", "nft", "delete table ip outage", check=False)

    def write_kubeconfig(self, node):
        result = run(self._program("berth-controlplane"), "kubeconfig", "--data-dir", self.data, "--node",
                     node.name, "--server", f"https://{CONTROL_PLANE}:{API_PORT}")
        path = node.folder / "kubeconfig"
        path.touch(mode=0o600)
        path.write_text(result.stdout)

    def kubectl(self, *arguments, check=True, **kwargs):
        environment = dict(os.environ, KUBECONFIG=str(self.kubeconfig), HOME=str(self.folder))
        return run("kubectl", *arguments, check=check, env=environment, **kwargs)

    # --- whole

    def up(self, say=lambda text: None, start_nodes=True):
        if self.folder.exists():
            raise ClusterError(f"cluster {self.id} is there already; dev/down removes it")
        for program in ("controlplane/berth-controlplane", "agent/berthd"):
            if not (self.build / program).exists():
                raise ClusterError(f"{self.build / program} is not built")
        self.folder.mkdir(mode=0o700)
        say("images")
        run("/usr/bin/python3", LIB / "images.py", self.images)
        say("control plane")
        self._make_fabric()
        self.start_apiserver()
        for node in self.nodes if start_nodes else []:
            say(f"node {node.name}")
            node.start()
            node.start_berthd()

    def wait_nodes_ready(self, seconds=30.0):
        def ready():
            out = self.kubectl("get", "nodes", "--no-headers", check=False).stdout.split("\n")
            return len([line for line in out if line.split()[1:2] == ["Ready"]]) == len(self.nodes)
        wait_for("Ready nodes", ready, seconds)

    def down(self):
        self.apiserver.stop()
        for node in self.nodes:
            node.stop()
        run("ip", "netns", "del", self.fabric, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def leftovers(self):
        """What of this cluster is still on the machine; nothing after down()."""
        mark, found = f"berth-{self.id}", []
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                except OSError:
                    continue
                if f"/tmp/{mark}/" in command:
                    found.append(f"process {entry.name}: {command}")
        with open("/proc/self/mounts") as mounts:
            found += [f"mount {line.split()[1]}" for line in mounts if mark in line]
        found += [f"network namespace {line.split()[0]}"
                  for line in run("ip", "netns", "list", check=False).stdout.splitlines() if line.startswith(mark)]
        for hierarchy in hierarchies():
            found += [f"cgroup {path}" for path in hierarchy.glob(f"{mark}-*")]
        if self.folder.exists():
            found.append(f"folder {self.folder}")
        return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("command", choices=["up", "down", "node"])
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="for node: NAME COMMAND...")
    parser.add_argument("--id", default="dev")
    parser.add_argument("--build", help="the build folder (build/release)")
    arguments = parser.parse_args()
    if arguments.command != "node":
        # Options may also follow the command, which the node's remainder would swallow.
        words = sys.argv[1:]
        words.remove(arguments.command)
        arguments = parser.parse_args([*words, arguments.command])
    cluster = Cluster(arguments.id, arguments.build)
    try:
        if arguments.command == "up":
            start = time.monotonic()
            cluster.up(lambda text: print(f"  {time.monotonic() - start:5.1f} s  {text}", flush=True))
            cluster.wait_nodes_ready()
            print(f"  {time.monotonic() - start:5.1f} s  nodes are Ready", flush=True)
        elif arguments.command == "down":
            cluster.down()
            left = cluster.leftovers()
            if left:
                raise ClusterError("left behind:\n  " + "\n  ".join(left))
        else:
            node = next((n for n in cluster.nodes if n.name == arguments.rest[0]), None)
            if node is None:
                raise ClusterError(f"no node {arguments.rest[0]}")
            command = node.inside(*(arguments.rest[1:] or ["bash"]))
            os.execvp(command[0], command)
    except ClusterError as error:
        print(f"cluster {cluster.id}: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
