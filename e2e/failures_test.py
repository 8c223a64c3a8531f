#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What dies or comes late: daemons killed in the middle of a rollout, a runtime killed, a Secret
that is made after its Pod. What is not concerned keeps its containers."""

import os
import pathlib
import random
import signal
import time

import harness
from cluster import kill, wait_for
from demo import BUSYBOX, WEB, get

LATE = """
apiVersion: v1
kind: Pod
metadata: {name: late}
spec:
  containers:
  - {name: app, image: %s, command: [sleep, "1000000"], volumeMounts: [{name: s, mountPath: /s}]}
  volumes: [{name: s, secret: {secretName: late}}]
""" % BUSYBOX


class FailuresTest(harness.ClusterTest):
    label = "fail"

    def container_ids(self):
        """Of the pods that nothing here concerns."""
        return {p["metadata"]["name"]: [(c.get("containerID"), c["restartCount"])
                                        for c in p["status"].get("containerStatuses", [])]
                for p in get(self.cluster, "pods", "-l", "keep=1")["items"]}

    def tasks(self, node):
        """Containers and sandboxes that run on `node`."""
        return len(node.run("ctr", "-n", "k8s.io", "tasks", "ls", "-q").stdout.split())

    def events(self, pod):
        return {e["reason"] for e in get(self.cluster, "events", "--field-selector",
                                         f"involvedObject.name={pod}")["items"]}

    def test_01_pods_to_watch_over(self):
        self.cluster.wait_nodes_ready()
        for i in range(4):
            self.kubectl("run", f"keep{i}", f"--image={BUSYBOX}", "--labels=keep=1",
                         f'--overrides={{"spec": {{"nodeName": "n{i % 2 + 1}"}}}}', "--command", "--",
                         "sleep", "1000000")
        self.kubectl("wait", "--for=condition=Ready", "pod", "-l", "keep=1", "--timeout=60s")
        self.kubectl("create", "deployment", "churn", f"--image={WEB}", "--replicas=0")
        self.kubectl("patch", "deployment", "churn", "-p",
                     '{"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}}')
        self.kubectl("scale", "deployment/churn", "--replicas=4")
        self.kubectl("rollout", "status", "deployment/churn", "--timeout=60s")

    def churn_while(self, rounds, act):
        before = self.container_ids()
        for i in range(rounds):
            self.kubectl("set", "env", "deployment/churn", f"ROUND={act.__name__}{i}")
            time.sleep(random.uniform(0, 1.5))  # any moment of the rollout
            act()
            self.kubectl("scale", "deployment/churn", f"--replicas={2 + i % 4}")
        self.kubectl("rollout", "status", "deployment/churn", "--timeout=90s")
        self.assertEqual(self.container_ids(), before)

    def test_02_berthd_killed_during_rollouts(self):
        def kill_a_berthd():
            node = random.choice(self.cluster.nodes)
            node.kill_berthd()
            node.start_berthd()
        self.churn_while(6, kill_a_berthd)

    def test_03_control_plane_killed_during_rollouts(self):
        def kill_the_control_plane():
            self.cluster.apiserver.stop()
            self.cluster.start_apiserver()
        self.churn_while(4, kill_the_control_plane)

    def test_04_a_killed_runtime_makes_its_node_unready_until_it_is_back(self):
        before, node = self.container_ids(), self.cluster.nodes[0]
        for child in pathlib.Path(f"/proc/{node.init_pid()}/task/{node.init_pid()}/children").read_text().split():
            if pathlib.Path(f"/proc/{child}/comm").read_text().strip() == "containerd":
                kill(int(child), signal.SIGKILL)
        self.kubectl("wait", "--for=condition=Ready=False", "node/n1", "--timeout=60s")
        node.run("bash", "-c", f"setsid containerd --config {node.folder}/containerd.toml "
                 f">>{node.folder}/containerd.log 2>&1 </dev/null &")
        self.kubectl("wait", "--for=condition=Ready", "node/n1", "--timeout=60s")
        self.assertEqual(self.kubectl("exec", "keep0", "--", "echo", "here").stdout, "here\n")
        self.assertEqual(self.container_ids(), before)

    def test_05_a_pod_waits_for_its_secret(self):
        self.kubectl("apply", "-f", "-", input=LATE)
        self.eventually("FailedMount", lambda: "FailedMount" in self.events("late"))
        self.kubectl("create", "secret", "generic", "late", "--from-literal=a=b")
        self.kubectl("wait", "--for=condition=Ready", "pod/late", "--timeout=60s")
        self.assertEqual(self.kubectl("exec", "late", "--", "cat", "/s/a").stdout, "b")

    def test_06_a_node_cannot_make_itself_more_than_it_is(self):
        text = (self.cluster.nodes[0].folder / "kubeconfig").read_text()
        inside, port = "https://172.30.0.1:6443", (self.cluster.folder / "port").read_text()
        self.assertIn(inside, text)
        path = self.cluster.folder / "as-n1"
        path.write_text(text.replace(inside, f"https://127.0.0.1:{port}"))
        os.chmod(path, 0o600)
        for command in (["label", "node", "n1", "node-role.kubernetes.io/control-plane=yes"],
                        ["label", "node", "n2", "x=y"], ["taint", "node", "n1", "a=b:NoSchedule"],
                        ["delete", "node", "n2"], ["get", "secrets", "-A"]):
            result = self.kubectl("--kubeconfig", str(path), *command, check=False)
            self.assertNotEqual(result.returncode, 0, command)
            self.assertIn("orbidden", result.stderr, command)

    def test_07_nothing_runs_after_deletion(self):
        self.kubectl("delete", "deployment", "churn")
        self.kubectl("delete", "pods", "--all", "--grace-period=1", "--timeout=60s")
        wait_for("end of the pods", lambda: not get(self.cluster, "pods")["items"], 60)
        for node in self.cluster.nodes:
            self.eventually(f"no task on {node.name}", lambda n=node: self.tasks(n) == 0)
        for log in [self.cluster.folder / "apiserver.log"] + [n.log for n in self.cluster.nodes]:
            self.assertNotIn("terminate called", log.read_text(errors="replace"))

    def test_08_rules_that_somebody_else_flushed_come_back(self):
        node = self.cluster.nodes[0]

        def answers():
            return node.run("curl", "-sk", "-m", "1", "https://10.96.0.1/version", check=False).returncode == 0
        self.eventually("the API by its service", answers)
        node.run("nft", "flush", "ruleset")
        self.eventually("word of it", lambda: "somebody else changed the proxy's table"
                        in node.log.read_text(errors="replace"))
        self.eventually("the API by its service, again", answers)


if __name__ == "__main__":
    harness.main()
