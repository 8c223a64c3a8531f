#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The first slice, from nodes that join to nothing left behind, with the real kubectl."""

import json
import subprocess
import time

import harness
from cluster import ClusterError, wait_for
from demo import BUSYBOX, ask_cluster_ip, ask_node_port, deploy_web, get, ready_pods

MANIFEST = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: %s}
"""

CRASHING = """
apiVersion: v1
kind: Pod
metadata: {name: crashing}
spec:
  containers:
  - {name: app, image: %s, command: [sh, -c, "echo going; exit 3"]}
""" % BUSYBOX

BAD_IMAGE = """
apiVersion: v1
kind: Pod
metadata: {name: bad-image}
spec:
  containers:
  - {name: app, image: "berth.local/missing:1"}
"""

EVERYTHING = """
apiVersion: v1
kind: Secret
metadata: {name: password}
stringData: {word: "open sesame"}
---
apiVersion: v1
kind: Pod
metadata: {name: everything, labels: {app: everything}}
spec:
  nodeName: n1
  initContainers:
  - {name: first, image: %(image)s, command: [sh, -c, "echo from init >/shared/note"], volumeMounts: [{name: shared, mountPath: /shared}]}
  containers:
  - name: app
    image: %(image)s
    command: [sh, -c, 'trap "exit 0" TERM; echo started $COLOUR $WORD $POD $CPU; while :; do sleep 0.1; done']
    env:
    - {name: COLOUR, valueFrom: {configMapKeyRef: {name: settings, key: colour}}}
    - {name: WORD, valueFrom: {secretKeyRef: {name: password, key: word}}}
    - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    - {name: CPU, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 1m}}}
    resources: {requests: {cpu: 50m, memory: 32Mi}, limits: {cpu: 200m, memory: 64Mi}}
    readinessProbe: {exec: {command: [cat, /shared/note]}, periodSeconds: 1}
    livenessProbe: {exec: {command: ["true"]}, periodSeconds: 1}
    volumeMounts:
    - {name: shared, mountPath: /shared}
    - {name: config, mountPath: /config}
    - {name: secret, mountPath: /secret}
    - {name: host, mountPath: /host, readOnly: true}
  volumes:
  - {name: shared, emptyDir: {}}
  - {name: config, configMap: {name: settings}}
  - {name: secret, secret: {secretName: password, defaultMode: 0400}}
  - {name: host, hostPath: {path: /etc}}
""" % {"image": BUSYBOX}


class SliceTest(harness.ClusterTest):
    def apply(self, manifest, *flags, check=True):
        return self.kubectl("apply", *flags, "-f", "-", input=manifest, check=check)

    def container(self, pod, index=0):
        statuses = get(self.cluster, "pod", pod)["status"].get("containerStatuses", [])
        return statuses[index] if len(statuses) > index else {}

    def waiting_reason(self, pod):
        return self.container(pod).get("state", {}).get("waiting", {}).get("reason", "")

    def describe(self, pod):
        return self.kubectl("describe", "pod", pod).stdout

    def container_ids(self):
        """Of the pods that stay: those of a rollout may still be ending."""
        pods = [p for p in get(self.cluster, "pods")["items"] if "deletionTimestamp" not in p["metadata"]]
        return {(p["metadata"]["name"], c["name"]): (c.get("containerID"), c["restartCount"])
                for p in pods for c in p["status"].get("containerStatuses", [])}

    def endpoint_count(self):
        slices = get(self.cluster, "endpointslices", "-l", "kubernetes.io/service-name=web")["items"]
        return sum(e["conditions"].get("ready", False) for s in slices for e in s.get("endpoints") or [])

    def left_on(self, node):
        """What pods left on a node: containers, cgroups, mounts, veths, nft elements, IP leases."""
        script = r"""
        ctr -n k8s.io containers ls -q
        find /sys/fs/cgroup -path '*kubepods*' -name 'pod*' -type d
        grep -E '/var/lib/kubelet/pods/|/run/containerd/.*(rootfs|shm|netns)' /proc/self/mounts
        ls /sys/class/net | grep veth
        ls /var/lib/cni/networks/pods | grep '^10\.'
        ls /var/lib/kubelet/pods
        nft list ruleset | grep -E '10\.244\.[0-9]+\.[0-9]+ \. (8080|80)'
        true
        """
        return node.run("bash", "-c", script).stdout.strip()

    def test_01_two_nodes_become_ready(self):
        self.cluster.wait_nodes_ready(5)
        print(self.kubectl("version").stdout)
        nodes = get(self.cluster, "nodes")["items"]
        self.assertEqual([n["metadata"]["name"] for n in nodes], ["n1", "n2"])
        for node in nodes:
            self.assertGreater(int(node["status"]["capacity"]["cpu"]), 0)
            self.assertIn("InternalIP", [a["type"] for a in node["status"]["addresses"]])

    def test_02_a_deployment_answers_behind_its_service(self):
        deploy_web(self.cluster)
        pods = ready_pods(self.cluster, "app=web")
        self.assertEqual({p["spec"]["nodeName"] for p in pods}, {"n1", "n2"})
        answers = ask_cluster_ip(self.cluster, 400)
        self.assertEqual(set(answers), {p["metadata"]["name"] for p in pods}, answers)
        for name, count in answers.items():
            self.assertTrue(60 <= count <= 140, f"{name} got {count} of 400: {answers}")

    def test_03_the_node_port_answers_from_outside(self):
        names = {p["metadata"]["name"] for p in ready_pods(self.cluster, "app=web")}
        for node in self.cluster.nodes:
            answers = ask_node_port(self.cluster, node, 20)
            self.assertLessEqual(set(answers), names)

    def test_04_scale_and_replace(self):
        for replicas in (6, 2, 4):
            self.kubectl("scale", "deployment/web", f"--replicas={replicas}")
            self.eventually(f"{replicas} endpoints", lambda n=replicas: self.endpoint_count() == n)
        victim = ready_pods(self.cluster, "app=web")[0]["metadata"]["name"]
        self.kubectl("delete", "pod", victim, "--grace-period=1")
        self.eventually("a replacement", lambda: len(ready_pods(self.cluster, "app=web")) == 4)
        self.assertNotIn(victim, [p["metadata"]["name"] for p in ready_pods(self.cluster, "app=web")])

    def test_05_a_rollout_and_its_undo(self):
        def revisions():
            sets = get(self.cluster, "replicasets", "-l", "app=web")["items"]
            return {s["metadata"]["name"]: s["spec"]["replicas"] for s in sets}
        before = revisions()
        self.kubectl("set", "env", "deployment/web", "COLOUR=blue")
        self.kubectl("rollout", "status", "deployment/web", "--timeout=90s")
        self.assertEqual(len(revisions()), 2)
        old = next(iter(before))
        self.eventually("the old ReplicaSet at 0", lambda: revisions()[old] == 0)
        self.kubectl("rollout", "undo", "deployment/web")
        self.kubectl("rollout", "status", "deployment/web", "--timeout=90s")
        self.eventually("the old ReplicaSet back", lambda: revisions()[old] == 4)
        self.eventually("4 endpoints", lambda: self.endpoint_count() == 4)
        names = {p["metadata"]["name"] for p in ready_pods(self.cluster, "app=web")}
        self.eventually("answers by the new pods", lambda: set(ask_cluster_ip(self.cluster, 40)) == names)

    def test_06_apply_changes_one_field(self):
        self.assertIn("created", self.apply(MANIFEST % "red").stdout)
        self.assertIn("configured", self.apply(MANIFEST % "green").stdout)
        self.assertIn("unchanged", self.apply(MANIFEST % "green").stdout)
        self.assertEqual(get(self.cluster, "configmap", "settings")["data"], {"colour": "green"})

    def test_07_a_pod_with_volumes_env_init_and_probes(self):
        self.apply(EVERYTHING)
        self.eventually("Ready", lambda: len(ready_pods(self.cluster, "app=everything")) == 1, 40)
        self.assertIn("started green open sesame everything 200", self.kubectl("logs", "everything").stdout)
        self.assertIn("green", self.kubectl("exec", "everything", "--", "cat", "/config/colour").stdout)
        self.assertIn("open sesame", self.kubectl("exec", "everything", "--", "cat", "/secret/word").stdout)
        token = "/var/run/secrets/kubernetes.io/serviceaccount/token"
        self.assertTrue(self.kubectl("exec", "everything", "--", "cat", token).stdout.startswith("ey"))
        limit = self.kubectl("exec", "everything", "--", "cat",
                             "/sys/fs/cgroup/memory/memory.limit_in_bytes", check=False)
        if limit.returncode == 0:
            self.assertEqual(limit.stdout.strip(), str(64 << 20))

    def test_08_exec_returns_the_exit_code(self):
        self.assertEqual(self.kubectl("exec", "client", "--", "sh", "-c", "exit 7", check=False).returncode, 7)
        out = self.kubectl("exec", "-i", "client", "--", "cat", input="through the tunnel\n")
        self.assertEqual(out.stdout, "through the tunnel\n")

    def test_09_describe_shows_events(self):
        text = self.describe("everything")
        for word in ("Pulled", "Created", "Started", "Container image"):
            self.assertIn(word, text)
        self.assertIn("Scheduled", self.describe(ready_pods(self.cluster, "app=web")[0]["metadata"]["name"]))

    def test_10_a_crashing_container_backs_off(self):
        self.apply(CRASHING)
        self.eventually("CrashLoopBackOff", lambda: self.waiting_reason("crashing") == "CrashLoopBackOff", 40)
        self.eventually("a restart", lambda: self.container("crashing")["restartCount"] >= 1, 40)
        self.eventually("the last state", lambda: self.container("crashing").get("lastState", {})
                        .get("terminated", {}).get("exitCode") == 3)
        self.eventually("the event", lambda: "Back-off restarting failed container" in self.describe("crashing"))
        self.assertIn("going", self.kubectl("logs", "crashing").stdout)
        self.kubectl("delete", "pod", "crashing", "--grace-period=1")

    def test_11_a_bad_image_is_told(self):
        self.apply(BAD_IMAGE)
        seen = set()

        def backed_off():
            seen.add(self.waiting_reason("bad-image"))
            return {"ErrImagePull", "ImagePullBackOff"} <= seen
        self.eventually("ErrImagePull and ImagePullBackOff", backed_off, 60)
        self.assertIn("Failed to pull image", self.describe("bad-image"))
        self.kubectl("delete", "pod", "bad-image", "--grace-period=0", "--force")

    def test_12_bad_input_is_refused_in_one_line(self):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bad"},
               "spec": {"containers": [{"name": "a", "image": BUSYBOX}]}}

        def refused(change, *words):
            bad = json.loads(json.dumps(pod))
            change(bad["spec"]["containers"][0])
            result = self.kubectl("create", "-f", "-", input=json.dumps(bad), check=False)
            self.assertNotEqual(result.returncode, 0)
            self.assertEqual(len(result.stderr.strip().splitlines()), 1, result.stderr)
            for word in words:
                self.assertIn(word, result.stderr)
        refused(lambda c: c.update(colour="red"), "colour")
        refused(lambda c: c.update(resources={"limits": {"cpu": "1x"}}), "quantit")
        refused(lambda c: c.update(ports=[{"containerPort": -1}]), "containerPort", "-1")

    def test_13_a_broken_config_ends_a_program_with_file_line_and_field(self):
        broken = self.cluster.folder / "broken.yaml"
        broken.write_text("apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPods: many\n")
        for program in ("agent/berthd", "controlplane/berth-controlplane"):
            result = subprocess.run([self.cluster.build / program, "--config", broken], capture_output=True,
                                    text=True, timeout=20, check=False)
            self.assertNotEqual(result.returncode, 0)
            self.assertRegex(result.stderr, r"broken\.yaml:\d+: .*(maxPods|apiVersion|kind)")

    def test_14_a_killed_berthd_disturbs_no_container(self):
        before = self.container_ids()
        for node in self.cluster.nodes:
            node.kill_berthd()
        for node in self.cluster.nodes:
            node.start_berthd()
        self.cluster.wait_nodes_ready()
        time.sleep(5)  # long enough for a wrong restart to happen and be reported
        self.assertEqual(self.container_ids(), before)
        self.assertEqual(self.endpoint_count(), 4)

    def test_15_a_killed_control_plane_forgets_nothing(self):
        for i in range(20):
            self.kubectl("create", "configmap", f"acknowledged-{i}", f"--from-literal=n={i}")
        self.cluster.apiserver.stop()
        self.cluster.start_apiserver()
        names = {c["metadata"]["name"] for c in get(self.cluster, "configmaps")["items"]}
        self.assertLessEqual({f"acknowledged-{i}" for i in range(20)}, names)
        self.kubectl("scale", "deployment/web", "--replicas=5")
        self.eventually("5 endpoints", lambda: self.endpoint_count() == 5, 60)

    def test_16_deleting_everything_leaves_nothing(self):
        self.kubectl("delete", "deployment,service", "web")
        self.kubectl("delete", "pods", "--all", "--grace-period=1", "--timeout=60s")
        self.eventually("no pods", lambda: get(self.cluster, "pods")["items"] == [], 60)
        for node in self.cluster.nodes:
            try:
                wait_for(f"nothing left on {node.name}", lambda n=node: not self.left_on(n), 60)
            except ClusterError as error:
                self.fail(f"{error}:\n{self.left_on(node)}")

    def test_17_down_leaves_nothing_of_the_cluster(self):
        type(self).end()
        self.assertEqual(self.cluster.leftovers(), [])


if __name__ == "__main__":
    harness.main()
