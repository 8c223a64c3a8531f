#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Workloads as kubectl shows and steers them: readiness gates, kubectl rollout, a rollout that is
stuck, Recreate, DaemonSets, Jobs, server-side apply."""

import json
import os
import signal
import subprocess

import harness
from demo import BUSYBOX, WEB, get, ready_pods

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

DAEMON = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: daemon}
spec:
  selector: {matchLabels: {app: daemon}}
  template:
    metadata: {labels: {app: daemon}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: app, image: %s}]
""" % WEB

JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: %s}
spec:
  %s
  template:
    spec:
      restartPolicy: Never
      containers: [{name: app, image: %s, command: [sh, -c, "%s"]}]
"""


class WorkloadsTest(harness.ClusterTest):
    label = "work"

    def apply(self, manifest):
        return self.kubectl("apply", "-f", "-", input=manifest)

    def rolled_out(self, name):
        return self.kubectl("rollout", "status", f"deployment/{name}", "--timeout=150s").stdout

    def pod_names(self, selector):
        return {p["metadata"]["name"] for p in ready_pods(self.cluster, selector)}

    def endpoints(self, service):
        slices = get(self.cluster, "endpointslices", "-l", f"kubernetes.io/service-name={service}")["items"]
        return [e for s in slices for e in s.get("endpoints") or []]

    def deployment(self, name):
        return get(self.cluster, "deployment", name)

    def condition(self, name, kind="Progressing"):
        return next(c for c in self.deployment(name)["status"]["conditions"] if c["type"] == kind)

    def test_01_nodes_become_ready(self):
        self.cluster.wait_nodes_ready()

    def test_02_a_gate_keeps_a_pod_unready_and_the_rollout_waiting(self):
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

    def test_03_pause_resume_restart_and_history(self):
        self.kubectl("create", "deployment", "steps", f"--image={WEB}", "--replicas=2")
        self.kubectl("patch", "deployment", "steps", "-p", json.dumps({"spec": {
            "progressDeadlineSeconds": 120, "revisionHistoryLimit": 2,
            "template": {"spec": {"terminationGracePeriodSeconds": 1}}}}))
        self.rolled_out("steps")  # a rollout that is paused halfway would have a Pod more
        sets = lambda: {s["metadata"]["annotations"]["deployment.kubernetes.io/revision"]: s  # noqa: E731
                        for s in get(self.cluster, "replicasets", "-l", "app=steps")["items"]}
        self.kubectl("rollout", "pause", "deployment/steps")
        self.eventually("DeploymentPaused", lambda: self.condition("steps")["reason"] == "DeploymentPaused")
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

    def test_04_a_rollout_that_cannot_progress_says_so(self):
        self.kubectl("create", "deployment", "stuck", f"--image={WEB}", "--replicas=2")
        self.rolled_out("stuck")
        self.kubectl("patch", "deployment", "stuck", "-p", '{"spec": {"progressDeadlineSeconds": 3}}')
        names = self.pod_names("app=stuck")
        self.kubectl("set", "image", "deployment/stuck", "web=berth.local/missing:1")
        result = self.kubectl("rollout", "status", "deployment/stuck", "--timeout=90s", check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("exceeded its progress deadline", result.stderr)
        self.assertEqual(self.condition("stuck")["reason"], "ProgressDeadlineExceeded")
        self.assertEqual(self.pod_names("app=stuck"), names)
        self.kubectl("rollout", "undo", "deployment/stuck")
        self.rolled_out("stuck")
        self.assertEqual(self.pod_names("app=stuck"), names)
        self.kubectl("delete", "deployment", "stuck")

    def test_05_recreate_never_mixes_versions(self):
        self.kubectl("create", "deployment", "one", f"--image={WEB}", "--replicas=2")
        self.kubectl("patch", "deployment", "one", "-p", json.dumps({"spec": {
            "strategy": {"type": "Recreate", "rollingUpdate": None},
            "template": {"spec": {"terminationGracePeriodSeconds": 2}}}}))
        self.rolled_out("one")
        with subprocess.Popen(["kubectl", "get", "pods", "-l", "app=one", "--watch", "-o", "json",
                               "--output-watch-events"],
                              env=dict(os.environ, KUBECONFIG=str(self.cluster.kubeconfig),
                                       HOME=str(self.cluster.folder)),
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

    def test_06_a_daemon_set_rolls_over_all_nodes_and_back(self):
        self.apply(DAEMON)
        self.assertIn("successfully rolled out", self.kubectl("rollout", "status", "ds/daemon", "--timeout=90s").stdout)
        pods = ready_pods(self.cluster, "app=daemon")
        self.assertEqual(sorted(p["spec"]["nodeName"] for p in pods), ["n1", "n2"])
        self.kubectl("set", "env", "ds/daemon", "VERSION=2")
        self.kubectl("rollout", "status", "ds/daemon", "--timeout=90s")
        self.assertFalse(self.pod_names("app=daemon") & {p["metadata"]["name"] for p in pods})
        self.assertRegex(self.kubectl("rollout", "history", "ds/daemon", "--revision=2").stdout, r"VERSION:\s+2")
        self.kubectl("rollout", "undo", "ds/daemon")
        self.kubectl("rollout", "status", "ds/daemon", "--timeout=90s")
        self.assertNotIn("VERSION", json.dumps(get(self.cluster, "ds", "daemon")["spec"]["template"]))
        self.assertRegex(self.kubectl("get", "ds", "daemon").stdout, r"daemon\s+2\s+2\s+2\s+2\s+2\s+<none>")
        events = self.kubectl("get", "events.v1.events.k8s.io", "-o", "json").stdout
        self.assertIn("daemonset-controller", events)
        self.kubectl("delete", "ds", "daemon")

    def test_07_jobs_run_to_their_ends(self):
        self.kubectl("create", "job", "good", f"--image={BUSYBOX}", "--", "echo", "all done")
        self.apply(JOB % ("indexed", "parallelism: 2\n  completions: 3\n  completionMode: Indexed",
                           BUSYBOX, "echo number $JOB_COMPLETION_INDEX"))
        self.apply(JOB % ("bad", "backoffLimit: 0", BUSYBOX, "exit 3"))
        for job in ("good", "indexed"):
            self.kubectl("wait", "--for=condition=Complete", f"job/{job}", "--timeout=90s")
        self.kubectl("wait", "--for=condition=Failed", "job/bad", "--timeout=90s")
        self.assertIn("all done", self.kubectl("logs", "job/good").stdout)
        self.assertRegex(self.kubectl("get", "job", "good").stdout, r"good\s+Complete\s+1/1")
        self.assertEqual(get(self.cluster, "job", "indexed")["status"]["completedIndexes"], "0-2")
        logs = self.kubectl("logs", "-l", "job-name=indexed").stdout
        self.assertEqual(sorted(logs.split("\n"))[1:], [f"number {i}" for i in range(3)])
        failed = get(self.cluster, "job", "bad")["status"]
        self.assertEqual((failed["failed"], failed["conditions"][-1]["reason"]), (1, "BackoffLimitExceeded"))
        self.kubectl("delete", "jobs", "--all")
        self.eventually("no pods of jobs", lambda: get(self.cluster, "pods", "-l", "job-name")["items"] == [], 60)

    def test_08_server_side_apply_by_several_hands(self):
        manifest = DAEMON.replace("DaemonSet", "Deployment").replace("daemon", "owned")

        def apply(text, *more, check=True):
            return self.kubectl("apply", "--server-side", *more, "-f", "-", input=text, check=check)

        apply(manifest.replace("spec:", "spec:\n  replicas: 1", 1))
        self.kubectl("scale", "deployment", "owned", "--replicas=2")
        refused = apply(manifest.replace("spec:", "spec:\n  replicas: 1", 1), check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn('Apply failed with 1 conflict: conflict with "kubectl"', refused.stderr)
        self.assertIn(".spec.replicas", refused.stderr)
        # Who lets go of a field that another has taken leaves it as it is.
        apply(manifest)
        self.assertEqual(get(self.cluster, "deployment", "owned")["spec"]["replicas"], 2)
        # Who lets go of what is only his removes it.
        apply(manifest.replace("metadata: {name: owned}", "metadata: {name: owned, labels: {mine: x}}"))
        self.assertEqual(get(self.cluster, "deployment", "owned")["metadata"]["labels"], {"mine": "x"})
        apply(manifest)
        self.assertNotIn("labels", get(self.cluster, "deployment", "owned")["metadata"])
        # From kubectl's own apply to the server's.
        self.apply(manifest.replace("owned", "moved"))
        apply(manifest.replace("owned", "moved").replace("terminationGracePeriodSeconds: 1",
                                                         "terminationGracePeriodSeconds: 2"))
        moved = get(self.cluster, "deployment", "moved", "--show-managed-fields")
        self.assertEqual(moved["spec"]["template"]["spec"]["terminationGracePeriodSeconds"], 2)
        self.assertIn(("kubectl", "Apply"),
                      [(m["manager"], m["operation"]) for m in moved["metadata"]["managedFields"]])
        self.kubectl("delete", "deployment", "owned", "moved")


if __name__ == "__main__":
    harness.main()
