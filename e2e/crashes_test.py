#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Daemons killed at random moments, under a churn of Pods and two rollouts. Nothing restarts or
doubles because of it, clients of healthy Pods see no failure, no acknowledged write is lost, and
when all is deleted nothing is left.

BERTH_SEED=n       the same kills at the same moments of the plan again
BERTH_CRASHES=...  how many: "berthd:4 containerd:2 plane:4 outage:15", the last in seconds
"""

import json
import os
import random
import subprocess
import sys
import time

import harness
import inventory
from demo import BUSYBOX, get
from echo import DEPLOYMENT, E2E, SERVICE, Client, in_pod
from ledger import Ledger, Part
from rest import Api, Refused

SEED = int(os.environ.get("BERTH_SEED", random.SystemRandom().randrange(1 << 30)))
CRASHES = {kind: int(n) for kind, n in (part.split(":") for part in os.environ.get(
    "BERTH_CRASHES", "berthd:4 containerd:2 plane:4 outage:15").split())}
PERIOD = 0.6  # seconds between two Pods of the churn: 100 a minute
PODS, DEPLOYMENTS = "/api/v1/namespaces/default/pods", "/apis/apps/v1/namespaces/default/deployments"


def plan(seed):
    """[(seconds to wait, what, node, seconds it stays dead)]"""
    dice = random.Random(seed)
    kinds = [kind for kind in ("berthd", "containerd", "plane") for _ in range(CRASHES.get(kind, 0))]
    kinds += ["outage"] if CRASHES.get("outage") else []
    dice.shuffle(kinds)
    dead = {"berthd": 1, "containerd": 2, "plane": 1}
    return [(dice.uniform(0.3, 3), kind, dice.randrange(2),
             CRASHES["outage"] if kind == "outage" else dice.uniform(0, dead[kind])) for kind in kinds]


def surely(act, *arguments, fine=()):
    """Again until the server has answered; the statuses in `fine` are no errors."""
    deadline = time.monotonic() + 120
    while True:
        try:
            return act(*arguments)
        except (OSError, Refused) as error:
            status = getattr(error, "status", 503)
            if status in fine:
                return None
            if status not in (429, 500, 503, 504) or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


class Churn(Part):
    """Makes Pods and deletes them some seconds later."""

    def __init__(self, api, seed):
        super().__init__(api)
        self.dice, self.made, self.alive, self.due = random.Random(seed), 0, [], time.monotonic()

    def step(self):
        self.done.wait(max(0.0, self.due - time.monotonic()))
        self.due = max(self.due + PERIOD, time.monotonic())
        name = f"churn-{self.made}"
        self.made += 1
        surely(self.api.create, PODS, self.pod(name), fine=(409,))
        self.alive.append((time.monotonic() + self.dice.uniform(0, 8), name))
        for until, old in sorted(self.alive):
            if until < time.monotonic():
                surely(self.api.delete, f"{PODS}/{old}", fine=(404,))
                self.alive.remove((until, old))

    def pod(self, name):
        ends = self.dice.random() < 0.2
        app = {"name": "app", "image": BUSYBOX, "command": ["true"] if ends else ["sleep", "1000000"],
               "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}]}
        containers = [app, {**app, "name": "second"}] if self.dice.random() < 0.2 else [app]
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"churn": "1"}},
                "spec": {"containers": containers, "terminationGracePeriodSeconds": 1,
                         "restartPolicy": "Never" if ends else "Always",
                         "volumes": [{"name": "scratch", "emptyDir": {"medium": "Memory"}}]}}


class Rollouts(Part):
    """Changes the template of one Deployment and then of the other, again and again."""

    names = ("left", "right")

    def __init__(self, api):
        super().__init__(api)
        self.rounds = 0
        for name in self.names:
            api.create(DEPLOYMENTS, self.deployment(name))

    def deployment(self, name):
        app = {"name": "app", "image": BUSYBOX, "command": ["sleep", "1000000"]}
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
            "replicas": 3, "selector": {"matchLabels": {"app": name}}, "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [app], "terminationGracePeriodSeconds": 1}}}}

    def step(self):
        self.done.wait(5)
        change = {"spec": {"template": {"metadata": {"annotations": {"round": str(self.rounds)}}}}}
        surely(self.api.patch, f"{DEPLOYMENTS}/{self.names[self.rounds % 2]}", change)
        self.rounds += 1


class Observer(Part):
    """Looks at the nodes' processes for containers that run twice."""

    def __init__(self, api, nodes):
        super().__init__(api)
        self.tasks, self.looks = [inventory.Tasks(node) for node in nodes], 0

    def step(self):
        self.done.wait(0.3)
        for tasks in self.tasks:
            found = inventory.doubled(tasks.running())
            if found:
                raise AssertionError(f"runs twice on {tasks.node.name}: {found}")
        self.looks += 1


class CrashesTest(harness.ClusterTest):
    label = "crash"
    kept = None  # what long-lived Pods have: {pod: [(container id, restarts)]}

    def containers(self):
        return {p["metadata"]["name"]: [(c.get("containerID"), c["restartCount"])
                                        for c in p["status"].get("containerStatuses", [])]
                for p in get(self.cluster, "pods", "-l", "keep=1")["items"]}

    def state(self):
        """What the cluster itself has, without Pods."""
        cluster = self.cluster
        return {"files of the control plane": inventory.files(cluster.data),
                "files of kubelets": [inventory.files(inventory.root(n) / "var/lib/kubelet") for n in cluster.nodes],
                "elements": [inventory.service_elements(n) for n in cluster.nodes]}

    def descriptors(self):
        child = self.cluster.apiserver.pid()
        pids = {"the control plane": child, **{n.name: n.berthd_pid() for n in self.cluster.nodes}}
        return {name: inventory.descriptors(pid) for name, pid in pids.items()}

    def nodes_empty(self, seconds):
        for node in self.cluster.nodes:
            try:
                self.eventually("", lambda n=node: not inventory.leftovers(n), seconds)
            except AssertionError:
                self.fail(f"left on {node.name}: {json.dumps(inventory.leftovers(node), indent=1)}")

    def setUp(self):
        if self.kept is None and "_01_" not in self.id():
            self.skipTest("nothing to watch over")

    def test_01_pods_that_shall_notice_nothing(self):
        cls, cluster = type(self), self.cluster
        cluster.wait_nodes_ready()
        self.nodes_empty(30)
        cls.state_before, cls.descriptors_before = self.state(), self.descriptors()
        self.kubectl("create", "configmap", "server", f"--from-file={E2E / 'echo_server.py'}")
        manifest = DEPLOYMENT % {"name": "blue", "replicas": 4, "image": BUSYBOX, "pre_stop": 1}
        self.kubectl("apply", "-f", "-", input=manifest.replace("{app: echo, ", '{keep: "1", app: echo, '))
        self.kubectl("apply", "-f", "-", input=SERVICE)
        for node in ("n1", "n2"):
            self.kubectl("run", f"client-{node}", f"--image={BUSYBOX}", "--labels=keep=1",
                         f'--overrides={{"spec": {{"nodeName": "{node}"}}}}', "--command", "--", "sleep", "1000000")
        self.kubectl("rollout", "status", "deployment/blue", "--timeout=120s")
        self.kubectl("wait", "--for=condition=Ready", "pod", "-l", "keep=1", "--timeout=60s")
        for node in cluster.nodes:
            self.assertEqual(set(inventory.leftovers(node)), inventory.KINDS)
        cls.kept = self.containers()
        self.assertEqual(len(self.kept), 6)

    def crash(self, kind, node, dead):
        cluster, node = self.cluster, self.cluster.nodes[node]
        if kind == "berthd":
            node.kill_berthd()
            time.sleep(dead)
            node.start_berthd()
        elif kind == "containerd":
            node.kill_containerd()
            time.sleep(dead)
            node.start_containerd()
        elif kind == "plane":
            cluster.apiserver.stop()
            time.sleep(dead)
            cluster.start_apiserver()
        else:
            cluster.cut_apiserver()
            time.sleep(dead)
            cluster.join_apiserver()

    def steady_clients(self):
        """From Pods through the ClusterIP, on new and on kept connections; from outside through a NodePort."""
        spec = get(self.cluster, "service", "echo")["spec"]
        clients = [Client(in_pod(self.cluster, f"client-{node}"), mode, spec["clusterIP"], 80)
                   for node, mode in (("n1", "new"), ("n2", "new"), ("n1", "keep"))]
        outside = ["nsenter", f"--net=/run/netns/{self.cluster.fabric}"]
        clients.append(Client(outside, "new", self.cluster.nodes[0].address, spec["ports"][0]["nodePort"]))
        self.addCleanup(lambda: [client.kill() for client in clients if client.process.returncode is None])
        return clients

    def test_02_crashes(self):
        print(f"\nBERTH_SEED={SEED} {CRASHES}", file=sys.stderr)
        api = Api(self.cluster)
        self.addCleanup(api.close)
        clients = self.steady_clients()
        ledger = Ledger(api)
        parts = [Observer(api, self.cluster.nodes), Churn(api, SEED), Rollouts(api)]
        self.addCleanup(lambda: [part.done.set() for part in parts])
        ledger.start()
        for part in parts:
            part.start()
        for pause, kind, node, dead in plan(SEED):
            time.sleep(pause)
            print(f"{kind} {node + 1} for {dead:.1f} s", file=sys.stderr)
            self.crash(kind, node, dead)
            if kind == "plane":
                surely(ledger.check_now, api)
            for part in (*parts, ledger.writer, ledger.watcher):
                self.assertIsNone(part.error)
        observer, *others = parts
        for part in others:
            part.finish()
        for name in Rollouts.names:
            self.kubectl("rollout", "status", f"deployment/{name}", "--timeout=120s")
        observer.finish()
        result = ledger.finish(self.eventually)
        self.assertEqual(self.containers(), self.kept)
        for client in clients:
            told = client.end()
            self.assertEqual(told["failures"], [])
            self.assertGreater(told["asked"], 20)
        print(f"{others[0].made} pods, {others[1].rounds} rollouts, {observer.looks} looks, {result}", file=sys.stderr)

    def test_03_nothing_is_left(self):
        self.kubectl("delete", "deployment/blue", "deployment/left", "deployment/right", "service/echo")
        self.kubectl("delete", "configmap", "server", "ledger")
        self.kubectl("delete", "pods", "--all", "--grace-period=1", "--timeout=120s")
        self.eventually("end of the pods", lambda: not get(self.cluster, "pods")["items"], 60)
        for node in self.cluster.nodes:
            inventory.collect_garbage(node)
        self.nodes_empty(90)
        orphans = sum(len(inventory.orphaned_shims(node)) for node in self.cluster.nodes)
        if orphans:
            print(f"containerd forgot {orphans} shims of containers that it never made", file=sys.stderr)
        self.assertLessEqual(orphans, 8 * CRASHES.get("containerd", 0))
        self.eventually("the state before", lambda: self.state() == self.state_before)
        for name, before in self.descriptors_before.items():
            # Each node's two clients keep up to eight connections that nobody uses, for 90 s.
            kept = 16 if name in ("n1", "n2") else 32
            try:
                self.eventually("", lambda n=name, b=before, k=kept: sum(
                    self.descriptors()[n].values()) <= sum(b.values()) + k + 4, 120)
            except AssertionError:
                self.fail(f"descriptors of {name} were {before}, are {self.descriptors()[name]}")
        for log in [self.cluster.folder / "apiserver.log"] + [n.log for n in self.cluster.nodes]:
            self.assertNotIn("terminate called", log.read_text(errors="replace"))

    def test_04_a_damaged_state_is_refused_by_name(self):
        cluster, state = self.cluster, self.cluster.data / "state.db"
        cluster.apiserver.stop()
        with open(state, "r+b") as file:
            file.write(b"this is no database")
        for name in ("state.db-wal", "state.db-shm"):
            (cluster.data / name).unlink(missing_ok=True)
        result = subprocess.run([cluster.build / "controlplane/berth-controlplane", "--data-dir", cluster.data],
                                capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(result.returncode, 3)
        self.assertIn(f"the stored state is damaged: {state}: ", result.stderr)
        self.assertEqual(state.read_bytes()[:19], b"this is no database")


if __name__ == "__main__":
    harness.main()
