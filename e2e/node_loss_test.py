#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A node that the network lost: what the control plane says of it, which of its Pods are replaced and
when, and what becomes of it when it is back. And the API server lost to all of the nodes."""

import json
import time

import harness
import inventory
from demo import BUSYBOX, get, ready_pods
from echo import Client, in_pod

GRACE = 15  # seconds until a silent node is lost
TOLERATED = 6  # seconds until a Pod leaves it
UNREACHABLE = "node.kubernetes.io/unreachable"

CONTAINERS = """
      containers:
      - name: app
        image: berth.local/web:1
        ports: [{containerPort: 8080}]
      terminationGracePeriodSeconds: 1
"""
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      tolerations:
      - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: %d}
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway,
         labelSelector: {matchLabels: {app: web}}}%s""" % (TOLERATED, CONTAINERS)
DAEMONS = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:%s""" % CONTAINERS


class NodeLossTest(harness.ClusterTest):
    label = "loss"
    apiserver_flags = ["--node-monitor-grace-period", f"{GRACE}s"]
    node_settings = "nodeLeaseDurationSeconds: 8\n"  # renewed each 2 seconds

    def condition(self, node="n2", kind="Ready"):
        return next(c for c in get(self.cluster, "node", node)["status"]["conditions"] if c["type"] == kind)

    def ready_is(self, status, node="n2"):
        return lambda: self.condition(node)["status"] == status

    def taints(self, node="n2"):
        return {(t["key"], t["effect"]): t for t in get(self.cluster, "node", node)["spec"].get("taints", [])}

    def on(self, node, selector="app=web"):
        return [p for p in get(self.cluster, "pods", "-l", selector)["items"] if p["spec"].get("nodeName") == node]

    def pod(self, name):
        result = self.kubectl("get", "pod", name, "-o", "json", check=False)
        return json.loads(result.stdout) if result.returncode == 0 else None

    def is_ready(self, pod):
        return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"]["conditions"])

    def containers(self, *selectors):
        return {p["metadata"]["uid"]: [(c["containerID"], c["restartCount"]) for c in p["status"]["containerStatuses"]]
                for selector in selectors for p in get(self.cluster, "pods", "-l", selector)["items"]}

    def endpoints(self):
        """{node: {(ready, serving, terminating)}}"""
        found = {}
        for part in get(self.cluster, "endpointslices", "-l", "kubernetes.io/service-name=web")["items"]:
            for endpoint in part.get("endpoints") or []:
                found.setdefault(endpoint["nodeName"], set()).add(tuple(
                    endpoint["conditions"].get(c, False) for c in ("ready", "serving", "terminating")))
        return found

    def running(self, node):
        """{uid of a Pod: what runs of it}, as the node's processes say."""
        found = {}
        for task in inventory.Tasks(node).running():
            found.setdefault(task["uid"], set()).add(task["name"])
        return found

    def events(self, reason):
        return [e["involvedObject"]["name"] for e in get(self.cluster, "events")["items"] if e["reason"] == reason]

    def run_pod(self, name, node, tolerations):
        spec = {"nodeName": node, "terminationGracePeriodSeconds": 1, "tolerations": tolerations}
        self.kubectl("run", name, f"--image={BUSYBOX}", f"--labels=run={name},alone=1",
                     f"--overrides={json.dumps({'spec': spec})}", "--command", "--", "sleep", "1000000")

    def steady_client(self):
        address = get(self.cluster, "service", "web")["spec"]["clusterIP"]
        client = Client(in_pod(self.cluster, "client"), "new", address, 80)
        self.addCleanup(lambda: client.process.returncode is None and client.kill())
        return client

    # --- one node

    def test_01_pods_on_both_nodes(self):
        self.cluster.wait_nodes_ready()
        for manifest in (DEPLOYMENT, DAEMONS):
            self.kubectl("apply", "-f", "-", input=manifest)
        self.kubectl("expose", "deployment", "web", "--port=80", "--target-port=8080")
        toleration = {"key": UNREACHABLE, "operator": "Exists", "effect": "NoExecute"}
        self.run_pod("stays", "n2", [toleration])
        self.run_pod("goes", "n2", [{**toleration, "tolerationSeconds": TOLERATED}])
        self.run_pod("client", "n1", [])
        self.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
        self.kubectl("rollout", "status", "daemonset/agent", "--timeout=60s")
        self.kubectl("wait", "--for=condition=Ready", "pod", "-l", "alone", "--timeout=60s")
        self.assertEqual([len(self.on(node)) for node in ("n1", "n2")], [2, 2])
        self.eventually("endpoints on both", lambda: self.endpoints() == {
            "n1": {(True, True, False)}, "n2": {(True, True, False)}})
        type(self).before = self.containers("run=stays", "app=agent")
        type(self).lost = {p["metadata"]["uid"] for p in self.on("n2")}

    def test_02_a_silent_node_is_unknown_and_tainted(self):
        self.cluster.nodes[1].cut()
        self.eventually("Ready=Unknown", self.ready_is("Unknown"), 60)
        condition = self.condition()
        self.assertEqual((condition["reason"], condition["message"]),
                         ("NodeStatusUnknown", "Kubelet stopped posting node status."))
        self.assertEqual(self.condition(kind="MemoryPressure")["status"], "Unknown")
        self.eventually("its taints", lambda: set(self.taints()) == {
            (UNREACHABLE, "NoSchedule"), (UNREACHABLE, "NoExecute")})
        self.assertIn("timeAdded", self.taints()[(UNREACHABLE, "NoExecute")])
        self.eventually("its pods not Ready", lambda: not any(
            self.is_ready(p) for s in ("app=web", "app=agent", "alone") for p in self.on("n2", s)))
        self.eventually("its endpoints not ready", lambda: not any(
            ready for ready, _, _ in self.endpoints().get("n2", ())))
        self.assertIn("n2", self.events("NodeNotReady"))
        self.assertTrue(self.is_ready(self.pod("client")))

    def test_03_its_pods_are_replaced_as_they_tolerate(self):
        client = self.steady_client()
        self.eventually("4 of web elsewhere", lambda: len(
            [p for p in ready_pods(self.cluster, "app=web") if p["spec"]["nodeName"] == "n1"]) == 4, 60)
        since = self.taints()[(UNREACHABLE, "NoExecute")]["timeAdded"]
        for pod in (*self.on("n2"), self.pod("goes")):
            # The object stays until its node says that it has ended.
            self.assertGreaterEqual(seconds(pod["metadata"]["deletionTimestamp"]), seconds(since) + TOLERATED)
            condition = next(c for c in pod["status"]["conditions"] if c["type"] == "DisruptionTarget")
            self.assertEqual(condition["reason"], "DeletionByTaintManager")
        for pod in (self.pod("stays"), *self.on("n2", "app=agent")):
            self.assertNotIn("deletionTimestamp", pod["metadata"])
        self.assertIn("goes", self.events("TaintManagerEviction"))
        self.eventually("only n1 ready", lambda: (True, True, False) in self.endpoints()["n1"] and not any(
            ready for ready, _, _ in self.endpoints().get("n2", ())))
        time.sleep(1)
        told = client.end()
        self.assertEqual(told["failures"], [])
        self.assertGreater(told["asked"], 10)

    def test_04_the_lost_node_goes_on_by_itself(self):
        node = self.cluster.nodes[1]
        running = self.running(node)
        self.assertLessEqual(self.lost, set(running))
        node.kill_berthd()
        node.start_berthd()
        time.sleep(3)
        self.assertEqual(self.running(node), running)

    def test_05_it_comes_back_and_cleans_up(self):
        node = self.cluster.nodes[1]
        node.join()
        self.eventually("Ready", self.ready_is("True"), 90)
        self.eventually("no taints", lambda: not self.taints())
        self.eventually("the replaced gone", lambda: not self.lost & {
            p["metadata"]["uid"] for p in self.on("n2")} and self.pod("goes") is None, 60)
        self.eventually("nothing of them runs", lambda: not self.lost & set(self.running(node)))
        self.eventually("the others Ready", lambda: all(
            self.is_ready(p) for p in (self.pod("stays"), *self.on("n2", "app=agent"))), 60)
        self.assertEqual(self.containers("run=stays", "app=agent"), self.before)
        self.eventually("endpoints", lambda: self.endpoints() == {"n1": {(True, True, False)}})

    # --- all of them

    def test_06_an_api_server_that_lost_all_nodes_evicts_nobody(self):
        self.kubectl("scale", "deployment/web", "--replicas=0")  # and then on both nodes again
        self.eventually("end of web", lambda: not get(self.cluster, "pods", "-l", "app=web")["items"], 60)
        self.kubectl("scale", "deployment/web", "--replicas=4")
        self.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
        self.eventually("web on both nodes", lambda: set(self.endpoints()) == {"n1", "n2"}, 60)
        before = self.containers("app=web", "app=agent", "alone")
        self.assertEqual(len(before), 8)
        client = self.steady_client()
        self.cluster.cut_apiserver()
        for node in ("n1", "n2"):
            self.eventually(f"{node} Unknown", self.ready_is("Unknown", node), 60)
        self.eventually("no evicting taints", lambda: {*self.taints("n1"), *self.taints("n2")} == {
            (UNREACHABLE, "NoSchedule")})
        time.sleep(TOLERATED + 4)
        self.cluster.join_apiserver()
        for node in ("n1", "n2"):
            self.eventually(f"{node} Ready", self.ready_is("True", node), 90)
            self.eventually("no taints", lambda n=node: not self.taints(n))
        self.eventually("all pods Ready", lambda: all(self.is_ready(p) for p in get(self.cluster, "pods")["items"]), 60)
        told = client.end()
        self.assertEqual(told["failures"], [])
        self.assertGreater(told["asked"], 20)
        self.assertEqual(self.containers("app=web", "app=agent", "alone"), before)


    # --- power

    def test_07_pods_begin_anew_on_a_node_that_lost_power(self):
        node = self.cluster.nodes[1]
        init = {"name": "first", "image": BUSYBOX, "command": ["sh", "-c", "echo x >>/data/runs"],
                "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
        app = {"name": "app", "image": BUSYBOX, "command": ["sleep", "1000000"], "volumeMounts": init["volumeMounts"]}
        for name, policy in (("again", "Always"), ("once", "Never")):
            self.kubectl("create", "-f", "-", input=json.dumps({
                "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {
                    "nodeName": "n2", "restartPolicy": policy, "terminationGracePeriodSeconds": 1,
                    "initContainers": [init], "containers": [app], "volumes": [{"name": "data", "emptyDir": {}}]}}))
        self.kubectl("wait", "--for=condition=Ready", "pod/again", "pod/once", "--timeout=60s")
        names = {p["metadata"]["name"]: p for s in ("app=web", "app=agent", "run=stays") for p in self.on("n2", s)}
        names["again"] = self.pod("again")
        elsewhere = self.containers("run=client")
        node.lose_power()
        node.restore_power()

        def began_anew(name):
            pod = self.pod(name)
            now, before = pod["status"]["containerStatuses"][0], names[name]["status"]["containerStatuses"][0]
            return self.is_ready(pod) and now["restartCount"] == before["restartCount"] + 1 \
                and now["containerID"] != before["containerID"] and pod["metadata"]["uid"] == names[name]["metadata"]["uid"]
        for name in names:
            self.eventually(f"{name} again", lambda n=name: began_anew(n), 90)
        self.assertEqual(self.kubectl("exec", "again", "-c", "app", "--", "cat", "/data/runs").stdout, "x\nx\n")
        self.eventually("the end of once", lambda: self.pod("once")["status"]["phase"] == "Failed", 60)
        self.eventually("endpoints", lambda: self.endpoints() == {
            "n1": {(True, True, False)}, "n2": {(True, True, False)}})
        addresses = {p["status"]["podIP"] for p in self.on("n2") + [self.pod("again")]}
        self.assertEqual(len(addresses), len(self.on("n2")) + 1)
        self.assertEqual(self.containers("run=client"), elsewhere)
        self.assertEqual(inventory.doubled(inventory.Tasks(node).running()), [])

    def test_08_nothing_is_left_of_what_was_before(self):
        self.kubectl("delete", "deployment/web", "daemonset/agent", "service/web")
        self.kubectl("delete", "pods", "--all", "--timeout=60s")
        self.eventually("end of the pods", lambda: not get(self.cluster, "pods")["items"], 60)
        for node in self.cluster.nodes:
            self.eventually(f"{node.name} empty", lambda n=node: not inventory.leftovers(n), 90)


def seconds(text):
    return time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


if __name__ == "__main__":
    harness.main()
