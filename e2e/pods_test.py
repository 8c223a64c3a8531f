#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What of a Pod's life only a kernel and a runtime can show."""

import json

import harness
import pods
from demo import BUSYBOX
from pods import pod


class PodLifeTest(pods.PodsTest):
    label = "life"

    # --- ephemeral containers

    def ephemeral(self, name, index=0):
        statuses = self.status(name).get("ephemeralContainerStatuses", [])
        return statuses[index].get("state", {}) if len(statuses) > index else {}

    def test_01_debug_joins_the_target_and_ends_for_good(self):
        self.cluster.wait_nodes_ready()
        self.create(pod("patient", "n1", {"command": ["sleep", "77777"]}))
        self.kubectl("wait", "--for=condition=Ready", "pod/patient", "--timeout=60s")
        # The target's processes are there: its namespace is.
        self.kubectl("debug", "patient", f"--image={BUSYBOX}", "--target=app", "-c", "look", "--", "ps", "-o", "args")
        self.eventually("the end of ps", lambda: "terminated" in self.ephemeral("patient"), 60)
        self.assertIn("sleep 77777", self.kubectl("logs", "patient", "-c", "look").stdout)
        self.assertEqual(self.ephemeral("patient")["terminated"]["reason"], "Completed")
        # Without a target it has a namespace of its own.
        self.kubectl("debug", "patient", f"--image={BUSYBOX}", "-c", "alone", "--", "ps", "-o", "args")
        self.eventually("the end of the other", lambda: "terminated" in self.ephemeral("patient", 1), 60)
        self.assertNotIn("sleep 77777", self.kubectl("logs", "patient", "-c", "alone").stdout)
        status = self.status("patient")
        self.assertEqual([s["restartCount"] for s in status["ephemeralContainerStatuses"]], [0, 0])
        self.assertEqual((status["phase"], status["containerStatuses"][0]["restartCount"]), ("Running", 0))
        self.assertIn("Ephemeral Containers:", self.kubectl("describe", "pod", "patient").stdout)

    def test_02_debug_attached(self):
        result = self.kubectl("debug", "-i", "patient", f"--image={BUSYBOX}", "--target=app", "-c", "shell", "--",
                              "sh", "-c", "read line; echo got $line; sleep 1", input="words\n")
        self.assertIn("got words", result.stdout, result.stderr)

    def test_03_ephemeral_containers_stay_as_they_are(self):
        containers = self.pod("patient")["spec"]["ephemeralContainers"]
        self.assertEqual([c["name"] for c in containers], ["look", "alone", "shell"])
        wish = {"spec": {"ephemeralContainers": [{"name": "look", "image": "other"}]}}
        result = self.kubectl("patch", "pod", "patient", "--subresource=ephemeralcontainers", "-p", json.dumps(wish), check=False)
        self.assertNotEqual(result.returncode, 0)
        # A restart of the daemon starts none of them again.
        node = self.cluster.nodes[0]
        node.kill_berthd()
        node.start_berthd()
        self.kubectl("run", "after", f"--image={BUSYBOX}", "--overrides", json.dumps({"spec": {"nodeName": "n1"}}), "--", "sleep", "1000000")
        self.kubectl("wait", "--for=condition=Ready", "pod/after", "--timeout=60s")
        self.assertTrue(all("terminated" in self.ephemeral("patient", i) for i in range(3)))
        ids = [s["containerID"].split("//")[1] for s in self.status("patient")["ephemeralContainerStatuses"]]
        there = node.run("ctr", "-n", "k8s.io", "containers", "ls", "-q", 'labels."io.kubernetes.pod.name"==patient').stdout.split()
        self.assertEqual(len(there), 5)
        self.assertLessEqual(set(ids), set(there))


if __name__ == "__main__":
    harness.main()
