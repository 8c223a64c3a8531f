#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What goes wrong with a Pod is told in the reasons, messages and events that Kubernetes uses, and
heals once its cause is gone. Static pods run whatever the API server does."""

import json
import re

import harness
import pods
from demo import BUSYBOX, get
from pods import pod

# What the node refuses: reason, and a part of the message.
REFUSED = {
    "too-much-cpu": (pod("too-much-cpu", "n1", {"resources": {"requests": {"cpu": "1000"}}}),
                     "OutOfcpu", "Pod was rejected: Node didn't have enough resource: cpu, requested: 1000000, used: "),
    "too-much-memory": (pod("too-much-memory", "n1", {"resources": {"requests": {"memory": "100Ti"}}}),
                        "OutOfmemory", "Node didn't have enough resource: memory, requested: 109951162777600, used: "),
    "other-node": (pod("other-node", "n1", nodeSelector={"disk": "fast"}), "NodeAffinity",
                   "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"),
    "second-port": (pod("second-port", "n1", {"ports": [{"containerPort": 80, "hostPort": 8765}]}), "NodePorts",
                    "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"),
    "unsafe-sysctl": (pod("unsafe-sysctl", "n1", securityContext={"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}),
                      "SysctlForbidden", 'forbidden sysctl: "kernel.msgmax" not allowlisted'),
    "other-os": (pod("other-os", "n1", os={"name": "windows"}), "PodOSNotSupported",
                 "Failed to admit pod as the OS field doesn't match node OS"),
}

# What waits: the reasons that a container's state may give, and a pattern of the message.
WAITING = {
    "never": (pod("never", "n1", {"image": "berth.local/missing:1", "imagePullPolicy": "Never"}),
              ["ErrImageNeverPull"],
              'Container image "berth.local/missing:1" is not present with pull policy of Never'),
    "bad-name": (pod("bad-name", "n1", {"image": "Upper/Case"}), ["InvalidImageName"],
                 'Failed to apply default image tag "Upper/Case": couldn\'t parse image name'),
    "always": (pod("always", "n1", {"imagePullPolicy": "Always"}), ["ErrImagePull", "ImagePullBackOff"],
               "rpc error|Back-off pulling image"),
    "no-config": (pod("no-config", "n1", {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {
                  "name": "later", "key": "a"}}}]}), ["CreateContainerConfigError"], 'configmap "later" not found'),
    "no-key": (pod("no-key", "n1", {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {
               "name": "kube-root-ca.crt", "key": "x"}}}]}), ["CreateContainerConfigError"],
               "couldn't find key x in ConfigMap default/kube-root-ca.crt"),
    "no-program": (pod("no-program", "n1", {"command": ["/no/such"]}), ["RunContainerError", "CrashLoopBackOff"],
                   "no such file or directory|back-off"),
    "no-profile": (pod("no-profile", "n1", {"securityContext": {"seccompProfile": {
                   "type": "Localhost", "localhostProfile": "none.json"}}}), ["CreateContainerError"], "none.json"),
    "root-user": (pod("root-user", "n1", {"securityContext": {"runAsNonRoot": True}}),
                  ["CreateContainerConfigError"], "container has runAsNonRoot and image will run as root"),
    "bad-hook": (pod("bad-hook", "n1", {"lifecycle": {"postStart": {"exec": {"command": ["false"]}}}}),
                 ["PostStartHookError", "CrashLoopBackOff"], "hook|back-off"),
}


class PodFailuresTest(pods.PodsTest):
    label = "pods"

    # --- what is refused, what waits, what ends

    def test_01_pods_that_the_node_refuses(self):
        self.cluster.wait_nodes_ready()
        self.create(pod("first-port", "n1", {"ports": [{"containerPort": 80, "hostPort": 8765}]}))
        self.kubectl("wait", "--for=condition=Ready", "pod/first-port", "--timeout=60s")
        self.create(*(p for p, _, _ in REFUSED.values()))
        for name, (_, reason, message) in REFUSED.items():
            self.eventually(f"{name} refused", lambda n=name: self.status(n).get("phase") == "Failed", 60)
            status = self.status(name)
            self.assertEqual(status["reason"], reason, name)
            self.assertIn(message, status["message"], name)
            self.assertEqual(status.get("containerStatuses", []), [], name)
            self.assertIn(message, self.event(name, reason))

    def test_02_pods_that_no_node_has_room_for(self):
        self.create(pod("nowhere", None, {"resources": {"requests": {"cpu": "1000"}}}))
        self.assertRegex(self.event("nowhere", "FailedScheduling"), "0/2 nodes are available: .*2 Insufficient cpu")
        self.assertEqual(self.status("nowhere")["phase"], "Pending")

    def test_03_containers_that_wait(self):
        self.create(*(p for p, _, _ in WAITING.values()))
        for name, (_, reasons, message) in WAITING.items():
            # It may go on from waiting at any moment, so what is looked at is what was seen.
            seen = {}

            def waits(name=name, reasons=reasons, seen=seen):
                seen.clear()
                seen.update(self.state(name).get("waiting", {}))
                return seen.get("reason") in reasons
            self.eventually(f"{name} waits", waits, 60)
            self.assertRegex(seen.get("message", ""), message, name)
            self.assertEqual(self.status(name)["phase"], "Running" if name in ("no-program", "bad-hook") else "Pending")
        self.assertIn("not present with pull policy of Never", self.event("never", "ErrImageNeverPull"))
        self.assertEqual(self.event("bad-hook", "FailedPostStartHook"), "PostStartHook failed")
        self.assertIn("Back-off restarting failed container app in pod bad-hook_default(", self.event("bad-hook", "BackOff"))
        self.eventually("StartError", lambda: self.status("no-program")["containerStatuses"][0].get("lastState", {})
                        .get("terminated", {}).get("reason") == "StartError", 60)

    def test_04_what_was_missing_comes(self):
        self.kubectl("create", "configmap", "later", "--from-literal=a=b")
        self.kubectl("wait", "--for=condition=Ready", "pod/no-config", "--timeout=60s")
        self.kubectl("delete", "pods", *WAITING, "--grace-period=0", "--force")

    def test_05_a_container_that_takes_too_much_memory(self):
        self.create(pod("greedy", "n1", {"command": ["sh", "-c", "exec tail /dev/zero"],
                                         "resources": {"limits": {"memory": "16Mi"}}}, restartPolicy="Never"))
        self.eventually("its end", lambda: self.status("greedy").get("phase") == "Failed", 60)
        ended = self.state("greedy")["terminated"]
        self.assertEqual((ended["exitCode"], ended["reason"]), (137, "OOMKilled"))

    def test_06_deadline_messages_and_restart_rules(self):
        rules = [{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]
        self.create(
            pod("late", "n1", activeDeadlineSeconds=1),
            pod("told", "n1", {"command": ["sh", "-c", "printf 'disk is full' >/dev/termination-log; exit 1"]},
                restartPolicy="Never"),
            pod("logged", "n1", {"command": ["sh", "-c", "echo the last words; exit 1"],
                                 "terminationMessagePolicy": "FallbackToLogsOnError"}, restartPolicy="Never"),
            pod("ruled", "n1", {"command": ["sh", "-c", "test -e /data/x && exit 3; touch /data/x; exit 42"],
                                "restartPolicy": "Never", "restartPolicyRules": rules,
                                "volumeMounts": [{"name": "data", "mountPath": "/data"}]},
                restartPolicy="Never", volumes=[{"name": "data", "emptyDir": {}}]))
        for name in ("late", "told", "logged", "ruled"):
            self.eventually(f"end of {name}", lambda n=name: self.status(n).get("phase") == "Failed", 60)
        self.assertEqual(self.status("late")["reason"], "DeadlineExceeded")
        self.assertEqual(self.status("late")["message"], "Pod was active on the node longer than the specified deadline")
        self.assertEqual(self.state("told")["terminated"]["message"], "disk is full")
        self.assertEqual(self.state("logged")["terminated"]["message"], "the last words\n")
        self.assertEqual(self.state("ruled")["terminated"]["exitCode"], 3)
        self.assertEqual(self.status("ruled")["containerStatuses"][0]["restartCount"], 1)

    def test_07_sidecars_start_first_and_end_last(self):
        say = 'trap "echo end $0 >>/host/order; exit 0" TERM; echo start $0 >>/host/order; touch /tmp/up; while :; do sleep 0.1; done'
        mounts = [{"name": "host", "mountPath": "/host"}]
        folder = self.cluster.nodes[0].folder / "order"
        folder.mkdir()
        sidecars = [{"name": f"side{i}", "image": BUSYBOX, "restartPolicy": "Always", "command": ["sh", "-c", say, f"side{i}"],
                     "startupProbe": {"exec": {"command": ["test", "-e", "/tmp/up"]}, "periodSeconds": 1},
                     "volumeMounts": mounts} for i in (1, 2)]
        self.create(pod("ordered", "n1", {"command": ["sh", "-c", say, "app"], "volumeMounts": mounts,
                                          "lifecycle": {"preStop": {"exec": {"command": ["false"]}}}},
                        initContainers=sidecars, volumes=[{"name": "host", "hostPath": {"path": str(folder)}}],
                        terminationGracePeriodSeconds=20))
        self.kubectl("wait", "--for=condition=Ready", "pod/ordered", "--timeout=60s")
        self.kubectl("delete", "pod", "ordered", "--timeout=60s")
        self.assertEqual((folder / "order").read_text().split("\n")[:-1],
                         ["start side1", "start side2", "start app", "end app", "end side2", "end side1"])
        self.assertEqual(self.event("ordered", "FailedPreStopHook"), "PreStopHook failed")

    # --- static pods

    def manifests(self, node=0):
        folder = self.cluster.nodes[node].folder / "manifests"
        folder.mkdir(exist_ok=True)
        return folder

    def write(self, name, content, node=0):
        """As editors do: a hidden file, then the name."""
        folder = self.manifests(node)
        (folder / f".{name}").write_text(content if isinstance(content, str) else json.dumps(content))
        (folder / f".{name}").rename(folder / name)

    def start_berthd(self, node, *flags):
        node.start_berthd("--pod-manifest-path", self.manifests(self.cluster.nodes.index(node)), *flags)

    def ready(self, name, other_than=None):
        """Also true only for another container than that one."""
        status = self.status(name)
        good = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", []))
        return good and status["containerStatuses"][0]["containerID"] != other_than

    def container_id(self, name):
        return self.status(name)["containerStatuses"][0]["containerID"]

    def test_08_a_static_pod_has_a_mirror(self):
        node = self.cluster.nodes[0]
        self.write("own.json", pod("own"))
        node.kill_berthd()
        self.start_berthd(node)
        self.eventually("the mirror Ready", lambda: self.ready("own-n1"), 60)
        seen = self.pod("own-n1")
        annotations = seen["metadata"]["annotations"]
        self.assertEqual(annotations["kubernetes.io/config.source"], "file")
        self.assertEqual(annotations["kubernetes.io/config.mirror"], annotations["kubernetes.io/config.hash"])
        owner = seen["metadata"]["ownerReferences"][0]
        self.assertEqual((owner["kind"], owner["name"], owner["controller"]), ("Node", "n1", True))
        self.assertEqual(self.kubectl("exec", "own-n1", "--", "hostname").stdout, "own-n1\n")
        self.assertIn("Started", self.kubectl("describe", "pod", "own-n1").stdout)

    def test_09_a_deleted_mirror_comes_back_and_its_container_stays(self):
        uid, container = self.pod("own-n1")["metadata"]["uid"], self.container_id("own-n1")
        self.kubectl("delete", "pod", "own-n1", "--wait=false")
        self.eventually("another mirror", lambda: (self.pod("own-n1") or {}).get("metadata", {}).get("uid") not in (None, uid), 60)
        self.eventually("Ready", lambda: self.ready("own-n1"), 60)
        self.assertEqual(self.container_id("own-n1"), container)

    def test_10_a_bad_manifest_is_told_and_ends_nothing(self):
        container = self.container_id("own-n1")
        self.write("own.json", '{"kind": "Pod", "apiVersion": ')
        self.write("bad.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec: {containers: []}\n")
        self.write("good.json", pod("good"))
        self.eventually("the good one Ready", lambda: self.ready("good-n1"), 60)

        def told(part):
            return any(part in e["message"] for e in get(self.cluster, "events", "-A")["items"]
                       if e["reason"] == "FailedValidation")
        self.eventually("the event of own.json", lambda: told("own.json"), 30)
        self.eventually("the event of bad.yaml", lambda: told("bad.yaml: Pod \"bad-n1\" is invalid: spec.containers"), 30)
        self.assertEqual(self.container_id("own-n1"), container)

    def test_11_a_changed_manifest_is_another_pod_and_a_removed_one_is_gone(self):
        container = self.container_id("own-n1")
        self.write("own.json", pod("own", container={"env": [{"name": "A", "value": "new"}]}))
        (self.manifests() / "good.json").unlink()
        self.eventually("the new pod Ready", lambda: self.ready("own-n1", other_than=container), 60)
        self.assertEqual(self.kubectl("exec", "own-n1", "--", "sh", "-c", "echo $A").stdout, "new\n")
        self.eventually("the mirror gone", lambda: self.pod("good-n1") is None, 60)

    def on(self, node, name):
        """The runtime's containers, sandboxes too, of a pod."""
        return node.run("ctr", "-n", "k8s.io", "containers", "ls", "-q",
                        f'labels."io.kubernetes.pod.name"=={name}').stdout.split()

    def test_12_static_pods_need_no_api_server(self):
        node, before = self.cluster.nodes[0], self.on(self.cluster.nodes[0], "own-n1")
        node.kill_berthd()
        self.cluster.apiserver.stop()
        self.write("alone.json", pod("alone"))
        self.start_berthd(node)
        self.eventually("its sandbox and its container", lambda: len(self.on(node, "alone-n1")) == 2, 60)
        self.cluster.start_apiserver()
        self.eventually("its mirror Ready", lambda: self.ready("alone-n1"), 60)
        self.assertEqual(self.on(node, "own-n1"), before)

    def test_13_a_node_without_an_api_server_at_all(self):
        node = self.cluster.nodes[1]
        node.kill_berthd()
        self.write("lonely.json", pod("lonely", hostNetwork=True), node=1)
        node.berthd.start(node.inside(node.cluster.build / "agent/berthd", "--config", node.folder / "berthd.yaml",
                                      "--hostname-override", "n2", "--pod-manifest-path", self.manifests(1)), node.log)
        self.eventually("the lonely pod", lambda: len(self.on(node, "lonely-n2")) == 2, 60)
        (self.manifests(1) / "lonely.json").unlink()
        self.eventually("its end", lambda: self.on(node, "lonely-n2") == [], 60)

    def test_14_the_node_may_make_mirrors_only(self):
        text = (self.cluster.nodes[0].folder / "kubeconfig").read_text()
        inside, port = "https://172.30.0.1:6443", (self.cluster.folder / "port").read_text()
        path = self.cluster.folder / "as-n1"
        path.write_text(text.replace(inside, f"https://127.0.0.1:{port}"))
        path.chmod(0o600)
        spy = pod("spy", "n1", volumes=[{"name": "s", "secret": {"secretName": "any"}}])
        for change, words in (({}, "can only create mirror pods"),
                              ({"annotations": {"kubernetes.io/config.mirror": "x"}}, "reference secrets")):
            spy["metadata"].update(change)
            result = self.kubectl("--kubeconfig", str(path), "create", "--validate=false", "-f", "-",
                                  input=json.dumps(spy), check=False)
            self.assertNotEqual(result.returncode, 0)
            self.assertRegex(result.stderr, re.escape(words))


if __name__ == "__main__":
    harness.main()
