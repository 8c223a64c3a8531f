# SPDX-License-Identifier: Apache-2.0
"""What a virtual node has: which containers run, and all that Pods could leave behind.

Read from the outside: the node's files through its first process, the shims' folders instead of the
runtime, so that it can be asked while daemons are dead.
"""

import collections
import json
import pathlib
import subprocess

TASKS = "run/containerd/io.containerd.runtime.v2.task/k8s.io"
KEYS = {"type": "io.kubernetes.cri.container-type", "name": "io.kubernetes.cri.container-name",
        "sandbox": "io.kubernetes.cri.sandbox-id", "pod": "io.kubernetes.cri.sandbox-name",
        "namespace": "io.kubernetes.cri.sandbox-namespace", "uid": "io.kubernetes.cri.sandbox-uid"}


def root(node):
    return pathlib.Path(f"/proc/{node.init_pid()}/root")


def names(folder):
    try:
        return sorted(p.name for p in folder.iterdir())
    except OSError:
        return []


def process_runs(proc, pid):
    """It is there, is no zombie, and is past runc's own part."""
    try:
        state = (proc / pid / "stat").read_text().rsplit(")", 1)[1].split()[0]
        command = (proc / pid / "cmdline").read_bytes()
    except OSError:
        return False
    words = command.split(b"\0")
    return state not in "ZX" and command != b"" and not (
        words[0].endswith((b"runc", b"/exe")) and words[1:2] == [b"init"])


class Tasks:
    """The containers of a node whose process runs. Remembers what never changes."""

    def __init__(self, node):
        self.node, self.facts = node, {}

    def running(self):
        """[{id, pid, type: sandbox or container, name, sandbox, pod, namespace, uid}]"""
        base = root(self.node)
        found = []
        for container in names(base / TASKS):
            try:
                pid = (base / TASKS / container / "init.pid").read_text()
                facts = self.facts.get(container)
                if facts is None:
                    told = json.loads((base / TASKS / container / "config.json").read_text())["annotations"]
                    facts = self.facts[container] = {key: told.get(name, "") for key, name in KEYS.items()}
            except (OSError, ValueError, KeyError):
                continue  # just being made, or removed
            if process_runs(base / "proc", pid):
                found.append({"id": container, "pid": int(pid), **facts})
        return found


def doubled(running):
    """What runs twice: a container of one name of one pod, or its sandbox."""
    count = collections.Counter((t["uid"] or t["namespace"] + "/" + t["pod"], t["name"] or "(sandbox)")
                                for t in running)
    return sorted(key for key, times in count.items() if times > 1)


def _lines(node, *command):
    result = node.run(*command, check=False)
    if result.returncode != 0:
        raise AssertionError(f"{command}: {result.stderr}")
    return result.stdout.split("\n")


def _of_pods(node):
    """Mount points, without those that the node itself has."""
    with open(f"/proc/{node.init_pid()}/mounts") as mounts:
        points = [line.split()[1] for line in mounts]
    return sorted(p for p in points if any(part in p for part in (
        "/kubelet/pods/", "/run/containerd/", "/netns/cni-", "/io.containerd.")))


def _pod_cgroups(node):
    return sorted({p.name for group in node._cgroups() for p in group.rglob("pod*") if p.is_dir()})


def service_elements(node):
    """How many elements each map and set of the service proxy has."""
    text = "\n".join(_lines(node, "nft", "-j", "list", "table", "ip", "netproxy"))
    return {part[kind]["name"]: len(part[kind].get("elem", []))
            for part in json.loads(text)["nftables"] for kind in part if kind in ("map", "set")}


def _processes(node, name):
    namespace = f"/proc/{node.init_pid()}/ns/pid"
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if ((entry / "comm").read_text().startswith(name[:15])
                    and (entry / "ns/pid").samefile(namespace)):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def orphaned_shims(node):
    """{container: pid} of shims without a process to watch over, of containers that are not there:
    their task was being made when containerd was killed, which then forgets them (containerd 1.6,
    issue 6860). Nobody above the runtime can know of them."""
    known = set(_lines(node, "ctr", "-n", "k8s.io", "containers", "ls", "-q"))
    found = {}
    for pid in _processes(node, "containerd-shim"):
        try:
            words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:
            continue
        container = words[words.index("-id") + 1]
        if not children and container not in known:
            found[container] = pid
    return found


def collect_garbage(node):
    """Has containerd remove snapshots that nothing refers to, which it does after more changes else: it
    was killed between a container and its snapshot."""
    for command in (("create", "--id", "inventory"), ("delete", "--sync", "inventory")):
        node.run("ctr", "-n", "k8s.io", "leases", *command)


# What a node with a running Pod has of each kind; the rest of leftovers() is empty on any node.
KINDS = {"containers", "tasks", "snapshots", "task folders", "sandbox folders", "container folders", "shims", "mounts",
         "cgroups", "interfaces", "addresses", "network results", "pod folders", "pod log folders",
         "container log links"}


def leftovers(node):
    """{kind: things} that exist only because of Pods; a node without Pods has none of each."""
    base, orphans = root(node), orphaned_shims(node)
    pods = json.loads(node.run("ip", "-j", "link", "show", "type", "veth").stdout or "[]")
    ctr = ("ctr", "-n", "k8s.io")
    found = {
        "containers": _lines(node, *ctr, "containers", "ls", "-q"),
        "tasks": _lines(node, *ctr, "tasks", "ls", "-q"),
        "snapshots": [line.split()[0] for line in _lines(node, *ctr, "snapshots", "ls") if " Active" in line],
        "task folders": [n for n in names(base / TASKS) if n not in orphans],
        "sandbox folders": names(base / "run/containerd/io.containerd.grpc.v1.cri/sandboxes"),
        "container folders": names(base / "run/containerd/io.containerd.grpc.v1.cri/containers"),
        "shims": [pid for pid in _processes(node, "containerd-shim") if pid not in orphans.values()],
        "mounts": _of_pods(node),
        "cgroups": _pod_cgroups(node),
        "interfaces": [link["ifname"] for link in pods if link["ifname"] != "eth0"],
        "addresses": [n for n in names(base / "var/lib/cni/networks/pods") if n[0].isdigit()],
        "network results": names(base / "var/lib/cni/results"),
        "pod folders": names(base / "var/lib/kubelet/pods"),
        "pod log folders": names(node.folder / "pod-logs"),
        "container log links": names(node.folder / "containers"),
    }
    return {kind: [t for t in things if t] for kind, things in found.items() if any(things)}


def descriptors(pid):
    """How many of each kind a process has open."""
    kinds = collections.Counter()
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            kinds[str(entry.readlink()).split(":")[0]] += 1
        except OSError:
            continue
    return kinds


def files(folder):
    """The files below `folder`, for finding temporary ones that stayed."""
    result = subprocess.run(["find", str(folder), "-xdev", "-type", "f", "-printf", "%P\n"], capture_output=True,
                            text=True, check=False)
    return sorted(result.stdout.split())
