#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rolling updates that lose nothing: clients ask a Service steadily while its Pods are replaced, and
no request fails. With it the drain of endpoints and of nodes, kept connections, and UDP."""

import json

import harness
from demo import BUSYBOX, WEB, get, ready_pods
from echo import DEPLOYMENT, E2E, SERVICE, Client, in_pod

PRE_STOP = 5  # seconds a Pod goes on serving after its end was decided

BUDGET = """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: echo}
spec:
  minAvailable: %d
  selector: {matchLabels: {app: echo}}
"""


class RolloutsTest(harness.ClusterTest):
    label = "roll"

    def setUp(self):
        self.clients = []
        self.addCleanup(lambda: [client.kill() for client in self.clients])

    def apply(self, manifest):
        return self.kubectl("apply", "-f", "-", input=manifest)

    def rolled_out(self, name="blue"):
        return self.kubectl("rollout", "status", f"deployment/{name}", "--timeout=150s").stdout

    def service(self):
        spec = get(self.cluster, "service", "echo")["spec"]
        return spec["clusterIP"], {p["name"]: p["nodePort"] for p in spec["ports"]}

    def in_client_pod(self):
        """The command that enters the network of the Pod `client`, with the node's files."""
        return in_pod(self.cluster, "client")

    def in_fabric(self):
        return ["nsenter", f"--net=/run/netns/{self.cluster.fabric}"]

    def start(self, inside, mode, address, port):
        self.clients.append(Client(inside, mode, address, port))
        return self.clients[-1]

    def start_clients(self):
        """One through the ClusterIP, from a Pod; one through the NodePort, from outside the nodes."""
        address, ports = self.service()
        self.start(self.in_client_pod(), "new", address, 80)
        self.start(self.in_fabric(), "new", self.cluster.nodes[1].address, ports["http"])

    def end_clients(self, *pods):
        """Nothing failed, and each of `pods` was asked by each client."""
        clients, self.clients = self.clients, []
        for result in [client.end() for client in clients]:
            self.assertEqual(result["failures"], [])
            self.assertGreater(result["asked"], 20)
            self.assertLessEqual(set(pods), set(result["answers"]))

    def pod_names(self, selector="app=echo"):
        return {p["metadata"]["name"] for p in ready_pods(self.cluster, selector)}

    def endpoints(self, service="echo"):
        slices = get(self.cluster, "endpointslices", "-l", f"kubernetes.io/service-name={service}")["items"]
        return [e for s in slices for e in s.get("endpoints") or []]

    def conditions(self):
        """{(ready, serving, terminating): how many endpoints}"""
        found = {}
        for endpoint in self.endpoints():
            key = tuple(endpoint["conditions"].get(c, False) for c in ("ready", "serving", "terminating"))
            found[key] = found.get(key, 0) + 1
        return found

    # --- what a client sees

    def test_01_a_service_with_four_pods(self):
        self.cluster.wait_nodes_ready()
        self.kubectl("create", "configmap", "server", f"--from-file={E2E / 'echo_server.py'}")
        self.apply(DEPLOYMENT % {"name": "blue", "replicas": 4, "image": BUSYBOX, "pre_stop": PRE_STOP})
        self.apply(SERVICE)
        self.kubectl("run", "client", f"--image={BUSYBOX}", "--command", "--", "sleep", "1000000")
        self.assertIn("successfully rolled out", self.rolled_out())
        self.kubectl("wait", "--for=condition=Ready", "pod/client", "--timeout=60s")
        self.eventually("4 endpoints", lambda: self.conditions() == {(True, True, False): 4})

    def test_02_set_image_set_env_and_undo_lose_nothing(self):
        self.start_clients()
        seen = self.pod_names()
        for change in (("set", "image", "deployment/blue", f"app={WEB}"),
                       ("set", "env", "deployment/blue", "VERSION=2"),
                       ("rollout", "undo", "deployment/blue")):
            self.kubectl(*change)
            self.rolled_out()
            names = self.pod_names("track=blue")
            self.assertEqual(len(names), 4)
            self.assertFalse(names & seen, "a Pod of the template before is left")
            seen |= names
        self.end_clients()

    def test_03_scaling_loses_nothing(self):
        self.start_clients()
        for replicas in (7, 2, 4):
            self.kubectl("scale", "deployment/blue", f"--replicas={replicas}")
            self.rolled_out()
            self.eventually(f"{replicas} ready endpoints",
                            lambda n=replicas: self.conditions().get((True, True, False)) == n)
        self.end_clients()

    def test_04_deleted_pods_drain_and_lose_nothing(self):
        self.start_clients()
        for victim in sorted(self.pod_names())[:2]:
            self.kubectl("delete", "pod", victim, "--wait=false")
            self.eventually("a draining endpoint", lambda: (False, True, True) in self.conditions())
            self.kubectl("wait", "--for=delete", f"pod/{victim}", "--timeout=60s")
            self.eventually("4 endpoints", lambda: self.conditions() == {(True, True, False): 4}, 60)
        self.end_clients(*self.pod_names())

    def test_05_the_last_ones_serve_until_they_end(self):
        """Every endpoint terminates at once: those that still serve get the connections."""
        self.kubectl("patch", "deployment/blue", "-p", json.dumps({"spec": {"template": {"spec": {
            "containers": [{"name": "app", "lifecycle": {"preStop": {"sleep": {"seconds": 12}}}}]}}}}))
        self.rolled_out()
        self.eventually("the old ones gone", lambda: self.conditions() == {(True, True, False): 4}, 60)
        victims = self.pod_names()
        self.kubectl("scale", "deployment/blue", "--replicas=0")
        self.eventually("only draining endpoints", lambda: self.conditions() == {(False, True, True): 4})
        self.start_clients()
        self.kubectl("exec", "client", "--", "sleep", "2")
        results = [client.end() for client in self.clients]
        self.clients = []
        self.assertEqual(self.conditions(), {(False, True, True): 4}, "too slow a machine to see it")
        for result in results:
            self.assertEqual(result["failures"], [])
            self.assertGreater(result["asked"], 0)
            self.assertLessEqual(set(result["answers"]), victims)
        self.kubectl("rollout", "undo", "deployment/blue")
        self.kubectl("scale", "deployment/blue", "--replicas=4")
        self.rolled_out()

    def test_06_kept_connections_survive_the_rollout_of_others(self):
        self.apply(DEPLOYMENT % {"name": "green", "replicas": 4, "image": BUSYBOX, "pre_stop": PRE_STOP})
        self.rolled_out("green")
        address, _ = self.service()
        self.eventually("8 endpoints", lambda: self.conditions() == {(True, True, False): 8}, 60)
        client = self.start(self.in_client_pod(), "keep", address, 80)
        first = [name.split()[0] for name in client.line()]
        self.kubectl("set", "env", "deployment/green", "VERSION=2")
        self.rolled_out("green")
        self.eventually("the old ones gone", lambda: self.conditions() == {(True, True, False): 8}, 60)
        self.clients = []
        result = client.end()
        broken = {name.split()[0] for name in result["broken"]}
        self.assertEqual({n for n in first if n.startswith("green-")}, broken)
        self.assertEqual(len(result["failures"]), len(result["broken"]))
        self.kubectl("delete", "deployment", "green")

    def test_07_datagrams_follow_their_backends(self):
        address, ports = self.service()
        self.eventually("4 endpoints", lambda: self.conditions() == {(True, True, False): 4}, 60)
        flows = [self.start(self.in_client_pod(), "udp", address, 80),
                 self.start(self.in_fabric(), "udp", self.cluster.nodes[0].address, ports["datagrams"])]
        for flow in flows:
            backend, = flow.line()
            self.kubectl("delete", "pod", backend, "--wait=false")
            following, = flow.line()  # the same flow, answered by another Pod
            self.assertNotEqual(backend, following)
        self.kubectl("rollout", "status", "deployment/blue", "--timeout=90s")
        self.clients = []
        for result in [flow.end() for flow in flows]:
            self.assertGreater(sum(result["answers"].values()), 0)

    def test_08_a_drain_waits_for_its_budget_and_loses_nothing(self):
        elsewhere = get(self.cluster, "pod", "client")["spec"]["nodeName"]
        node = next(n.name for n in self.cluster.nodes if n.name != elsewhere)
        drain = ("drain", node, "--ignore-daemonsets", "--delete-emptydir-data")
        self.assertTrue([p for p in ready_pods(self.cluster, "app=echo") if p["spec"]["nodeName"] == node])
        self.apply(BUDGET % 4)
        self.eventually("the budget's numbers", lambda: get(self.cluster, "pdb", "echo")["status"]
                        .get("currentHealthy") == 4)
        refused = self.kubectl(*drain, "--timeout=6s", check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("Cannot evict pod as it would violate the pod's disruption budget.", refused.stderr)
        self.apply(BUDGET % 3)
        self.eventually("one disruption allowed", lambda: get(self.cluster, "pdb", "echo")["status"]
                        .get("disruptionsAllowed") == 1)
        self.start_clients()
        self.kubectl(*drain, "--timeout=150s")
        self.eventually("4 endpoints elsewhere", lambda: self.conditions() == {(True, True, False): 4}
                        and {e["nodeName"] for e in self.endpoints()} == {elsewhere}, 60)
        self.end_clients()
        self.assertRegex(self.kubectl("get", "nodes").stdout, node + r"\s+Ready,SchedulingDisabled")
        self.kubectl("uncordon", node)
        self.kubectl("delete", "pdb", "echo")

if __name__ == "__main__":
    harness.main()
