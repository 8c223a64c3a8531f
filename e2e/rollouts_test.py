#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rolling updates that lose nothing: clients ask a Service steadily while its Pods are replaced, and
no request fails. With it the drain of endpoints, readiness gates, kubectl rollout and UDP."""

import json
import pathlib
import signal
import subprocess

import harness
from demo import BUSYBOX, WEB, get, ready_pods

E2E = pathlib.Path(__file__).resolve().parent
PRE_STOP = 5  # seconds a Pod goes on serving after its end was decided

# The server needs Python, which the node has and the image has not.
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: %(name)s}
spec:
  replicas: %(replicas)d
  progressDeadlineSeconds: 120
  strategy: {rollingUpdate: {maxSurge: 2, maxUnavailable: 0}}
  selector: {matchLabels: {app: echo, track: %(name)s}}
  template:
    metadata: {labels: {app: echo, track: %(name)s}}
    spec:
      containers:
      - name: app
        image: %(image)s
        command: [/usr/bin/python3, /srv/echo_server.py]
        env: [{name: VERSION, value: "1"}]
        ports: [{containerPort: 8080}]
        readinessProbe: {httpGet: {path: /ready, port: 8080}, periodSeconds: 1, timeoutSeconds: 10}
        lifecycle: {preStop: {sleep: {seconds: %(pre_stop)d}}}
        volumeMounts:
        - {name: server, mountPath: /srv}
        - {name: usr, mountPath: /usr, readOnly: true}
        - {name: lib, mountPath: /lib, readOnly: true}
        - {name: lib64, mountPath: /lib64, readOnly: true}
      volumes:
      - {name: server, configMap: {name: server}}
      - {name: usr, hostPath: {path: /usr}}
      - {name: lib, hostPath: {path: /usr/lib}}
      - {name: lib64, hostPath: {path: /usr/lib64}}
"""

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: echo}
spec:
  type: NodePort
  selector: {app: echo}
  ports:
  - {name: http, port: 80, targetPort: 8080}
  - {name: datagrams, port: 80, protocol: UDP, targetPort: 8080}
"""

GATED = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: gated}
spec:
  replicas: 2
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  selector: {matchLabels: {app: gated}}
  template:
    metadata: {labels: {app: gated}}
    spec:
      terminationGracePeriodSeconds: 1
      readinessGates: [{conditionType: example.com/attached}]
      containers: [{name: app, image: %s}]
""" % WEB


class Client:
    """A steady_client.py in the network namespace that `inside` enters."""

    def __init__(self, inside, mode, address, port):
        self.process = subprocess.Popen(
            [*map(str, inside), "/usr/bin/python3", str(E2E / "steady_client.py"), mode, address, str(port)],
            stdout=subprocess.PIPE, text=True)

    def line(self):
        return json.loads(self.process.stdout.readline())

    def end(self):
        """Its summary. nsenter may lie between it and us: the signal goes to the last child."""
        if self.process.poll() is None:
            for pid in family(self.process.pid)[-1:]:
                subprocess.run(["kill", "-TERM", str(pid)], check=False)
        return json.loads(self.process.communicate(timeout=60)[0].splitlines()[-1])

    def kill(self):
        for pid in reversed(family(self.process.pid)):
            subprocess.run(["kill", "-KILL", str(pid)], check=False)
        self.process.communicate()


def family(pid):
    """`pid` and its descendants, each before its children."""
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(p for child in children for p in family(int(child)))]


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
        pod = get(self.cluster, "pod", "client")
        node = next(n for n in self.cluster.nodes if n.name == pod["spec"]["nodeName"])
        container = pod["status"]["containerStatuses"][0]["containerID"].rpartition("/")[2]
        tasks = node.run("ctr", "-n", "k8s.io", "tasks", "ls").stdout.splitlines()
        pid = next(line.split()[1] for line in tasks if line.startswith(container))
        return node.inside("nsenter", f"--net=/proc/{pid}/ns/net")

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

    def deployment(self, name="blue"):
        return get(self.cluster, "deployment", name)

    def condition(self, kind="Progressing", name="blue"):
        return next(c for c in self.deployment(name)["status"]["conditions"] if c["type"] == kind)

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

    # --- what kubectl shows

    def test_08_a_gate_keeps_a_pod_unready_and_the_rollout_waiting(self):
        self.apply(GATED)
        self.kubectl("expose", "deployment/gated", "--port=80", "--target-port=8080")

        def open_gates(count):
            """Opens the gate of each Pod that shows up until `count` are Ready and the rest gone."""
            def opened():
                for pod in get(self.cluster, "pods", "-l", "app=gated")["items"]:
                    conditions = {c["type"]: c for c in pod["status"].get("conditions", [])}
                    if conditions.get("Ready", {}).get("reason") == "ReadinessGatesNotReady":
                        pod["status"]["conditions"].append({"type": "example.com/attached", "status": "True"})
                        path = f"/api/v1/namespaces/default/pods/{pod['metadata']['name']}/status"
                        self.kubectl("replace", "--raw", path, "-f", "-", input=json.dumps(pod), check=False)
                return len(self.pod_names("app=gated")) == count
            return opened

        def waiting():
            pods = get(self.cluster, "pods", "-l", "app=gated")["items"]
            return len(pods) == 2 and all(
                {"ReadinessGatesNotReady"} <= {c.get("reason") for c in p["status"].get("conditions", [])}
                and p["status"]["containerStatuses"][0]["ready"] for p in pods)
        self.eventually("two Pods behind their gates", waiting, 60)
        self.eventually("two unready endpoints", lambda: [
            e["conditions"]["ready"] for e in self.endpoints("gated")] == [False, False])
        status = self.kubectl("rollout", "status", "deployment/gated", "--watch=false").stdout
        self.assertIn("Waiting for deployment \"gated\" rollout to finish: 0 of 2", status)
        self.assertRegex(self.kubectl("get", "pods", "-l", "app=gated", "-o", "wide").stdout, r" 0/1\n")
        self.eventually("two Ready Pods", open_gates(2))
        self.assertIn("successfully rolled out", self.rolled_out("gated"))
        before = self.pod_names("app=gated")
        self.kubectl("rollout", "restart", "deployment/gated")
        self.eventually("a new Pod behind its gate", lambda: len(
            get(self.cluster, "pods", "-l", "app=gated")["items"]) == 3, 60)
        self.assertEqual(self.pod_names("app=gated"), before)  # nothing old goes before the gate opens
        self.eventually("both replaced", lambda: open_gates(2)() and not self.pod_names("app=gated") & before, 60)
        self.rolled_out("gated")
        self.kubectl("delete", "deployment,service", "gated")

    def test_09_pause_resume_restart_and_history(self):
        self.kubectl("create", "deployment", "steps", f"--image={WEB}", "--replicas=2")
        self.kubectl("patch", "deployment", "steps", "-p", json.dumps({"spec": {
            "progressDeadlineSeconds": 120, "revisionHistoryLimit": 2,
            "template": {"spec": {"terminationGracePeriodSeconds": 1}}}}))
        sets = lambda: {s["metadata"]["annotations"]["deployment.kubernetes.io/revision"]: s  # noqa: E731
                        for s in get(self.cluster, "replicasets", "-l", "app=steps")["items"]}
        self.kubectl("rollout", "pause", "deployment/steps")
        self.eventually("DeploymentPaused", lambda: self.condition(name="steps")["reason"] == "DeploymentPaused")
        before = set(sets())
        self.kubectl("set", "env", "deployment/steps", "STEP=1")
        self.kubectl("set", "env", "deployment/steps", "STEP=2")
        self.kubectl("scale", "deployment/steps", "--replicas=3")  # scaling goes on
        self.eventually("3 Pods", lambda: len(self.pod_names("app=steps")) == 3)
        self.assertEqual(set(sets()), before)
        self.kubectl("rollout", "resume", "deployment/steps")
        self.rolled_out("steps")
        self.kubectl("annotate", "deployment/steps", "kubernetes.io/change-cause=the second step")
        self.eventually("the cause in the history", lambda: "the second step" in self.kubectl(
            "rollout", "history", "deployment/steps").stdout)
        self.assertEqual(max(sets(), key=int), str(max(map(int, before)) + 1), "two changes in a pause are one")
        self.kubectl("rollout", "restart", "deployment/steps")
        self.rolled_out("steps")
        second = str(max(map(int, sets())) - 1)
        history = self.kubectl("rollout", "history", "deployment/steps", f"--revision={second}").stdout
        self.assertRegex(history, r"STEP:\s+2")
        first = min(sets(), key=int)
        self.kubectl("rollout", "undo", "deployment/steps", f"--to-revision={first}")
        self.rolled_out("steps")
        self.assertNotIn("STEP", json.dumps(self.deployment("steps")["spec"]["template"]))
        self.assertNotIn(first, sets())
        self.kubectl("set", "env", "deployment/steps", "STEP=3")
        self.rolled_out("steps")
        self.eventually("two old sets", lambda: len(sets()) == 3)
        self.kubectl("delete", "deployment", "steps")

    def test_10_a_rollout_that_cannot_progress_says_so(self):
        self.kubectl("create", "deployment", "stuck", f"--image={WEB}", "--replicas=2")
        self.rolled_out("stuck")
        self.kubectl("patch", "deployment", "stuck", "-p", '{"spec": {"progressDeadlineSeconds": 3}}')
        names = self.pod_names("app=stuck")
        self.kubectl("set", "image", "deployment/stuck", "web=berth.local/missing:1")
        result = self.kubectl("rollout", "status", "deployment/stuck", "--timeout=90s", check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("exceeded its progress deadline", result.stderr)
        self.assertEqual(self.condition(name="stuck")["reason"], "ProgressDeadlineExceeded")
        self.assertEqual(self.pod_names("app=stuck"), names)
        self.kubectl("rollout", "undo", "deployment/stuck")
        self.rolled_out("stuck")
        self.assertEqual(self.pod_names("app=stuck"), names)
        self.kubectl("delete", "deployment", "stuck")

    def test_11_recreate_never_mixes_versions(self):
        self.kubectl("create", "deployment", "one", f"--image={WEB}", "--replicas=2")
        self.kubectl("patch", "deployment", "one", "-p", json.dumps({"spec": {
            "strategy": {"type": "Recreate", "rollingUpdate": None},
            "template": {"spec": {"terminationGracePeriodSeconds": 2}}}}))
        self.rolled_out("one")
        with subprocess.Popen(["kubectl", "get", "pods", "-l", "app=one", "--watch", "-o", "json", "--output-watch-events"],
                              env={"KUBECONFIG": str(self.cluster.kubeconfig), "PATH": "/usr/bin:/bin"},
                              stdout=subprocess.PIPE, text=True) as watch:
            self.kubectl("set", "env", "deployment/one", "VERSION=2")
            self.rolled_out("one")
            watch.send_signal(signal.SIGTERM)
            text, decoder, position, running = watch.stdout.read(), json.JSONDecoder(), 0, {}
        while text[position:].strip():
            position += len(text[position:]) - len(text[position:].lstrip())
            event, position = decoder.raw_decode(text, position)
            meta = event["object"]["metadata"]
            running[meta["name"]] = meta["labels"]["pod-template-hash"]
            if event["type"] == "DELETED" or event["object"]["status"].get("phase") in ("Failed", "Succeeded"):
                del running[meta["name"]]
            self.assertLessEqual(len(set(running.values())), 1, running)
        self.kubectl("delete", "deployment", "one")


if __name__ == "__main__":
    harness.main()
