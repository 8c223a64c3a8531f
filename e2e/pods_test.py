#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What of a Pod's life only a kernel and a runtime can show."""

import concurrent.futures
import json

import harness
import pods
from demo import BUSYBOX
from pods import pod


class PodLifeTest(pods.PodsTest):
    label = "life"
    node_settings = ("containerLogMaxSize: 100Ki\ncontainerLogMaxFiles: 3\n"
                     "evictionPressureTransitionPeriod: 5s\n")

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
        self.kubectl("debug", "-i", "patient", f"--image={BUSYBOX}", "--target=app", "-c", "shell", "--",
                     "sh", "-c", "read line; echo got $line; sleep 1", input="words\n")
        # What it read came through the attached stream.
        self.eventually("its end", lambda: "terminated" in self.ephemeral("patient", 2), 60)
        self.assertIn("got words", self.kubectl("logs", "patient", "-c", "shell").stdout)

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

    # --- logs

    def test_04_logs_are_rotated_and_followed(self):
        # Some 100 KiB each second, 500 KiB in all.
        write = ("while ! [ -e /tmp/go ]; do sleep 0.1; done; i=0; while [ $i -lt 10000 ]; do n=0; "
                 "while [ $n -lt 200 ]; do i=$((i+1)); n=$((n+1)); echo line $i; done; sleep 0.1; done; sleep 1000000")
        self.create(pod("talker", "n1", {"command": ["sh", "-c", write]}))
        self.kubectl("wait", "--for=condition=Ready", "pod/talker", "--timeout=60s")
        lines = [f"line {i}\n" for i in range(1, 10001)]
        with concurrent.futures.ThreadPoolExecutor() as threads:
            # It ends with the last byte of them.
            following = threads.submit(self.kubectl, "logs", "-f", "talker", f"--limit-bytes={sum(map(len, lines))}", timeout=120)
            self.kubectl("exec", "talker", "--", "touch", "/tmp/go")
            self.assertEqual(following.result().stdout, "".join(lines))
        folder = next((self.cluster.nodes[0].folder / "pod-logs").glob("default_talker_*/app"))

        def settled():
            names = sorted(path.name for path in folder.iterdir())
            return len(names) == 3 and names[1].endswith(".gz") and self.last_line("talker") == "line 10000"
        self.eventually("three files, one of them compressed", settled, 60)
        self.assertLess(sum(path.stat().st_size for path in folder.iterdir()), 500 << 10)

    def last_line(self, name):
        return self.kubectl("logs", name, "--tail=1").stdout.strip()

    # --- eviction and preemption

    def ended(self, name, seconds=60):
        self.eventually(f"the end of {name}", lambda: self.status(name).get("phase") == "Failed", seconds)
        return self.status(name)

    def condition(self, status, kind):
        return next((c for c in status.get("conditions", []) if c["type"] == kind), {})

    def writer(self, name, node, mib, **volume):
        """A Pod that fills an emptyDir, and where that is mounted."""
        command = f"dd if=/dev/zero of=/data/x bs=1M count={mib}; sleep 1000000"
        return pod(name, node, {"command": ["sh", "-c", command], "volumeMounts": [{"name": "data", "mountPath": "/data"}]},
                   volumes=[{"name": "data", "emptyDir": volume}])

    def test_05_an_emptydir_that_is_larger_than_it_may_be(self):
        self.create(self.writer("large", "n1", 3, sizeLimit="1Mi"), self.writer("small", "n1", 1, sizeLimit="2Mi"))
        status = self.ended("large")
        self.assertEqual((status["reason"], status["message"]),
                         ("Evicted", 'Usage of EmptyDir volume "data" exceeds the limit "1Mi". '))
        self.assertEqual(self.event("large", "Evicted"), status["message"])
        self.assertEqual(self.condition(status, "DisruptionTarget"), {})
        self.assertEqual(self.status("small")["phase"], "Running")

    def test_06_a_full_disk(self):
        node = self.cluster.nodes[1]
        node.kill_berthd()
        # A node's disk of its own, of 64 MiB.
        node.run("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", "/var/lib/kubelet")
        settings = node.folder / "berthd.yaml"
        settings.write_text(settings.read_text().replace("evictionHard:\n", "maxPods: 3\nevictionHard:\n  nodefs.available: 20Mi\n"))
        node.start_berthd()
        self.create(pod("quiet", "n2"))
        self.kubectl("wait", "--for=condition=Ready", "pod/quiet", "--timeout=60s")
        self.create(self.writer("filler", "n2", 50))
        pressure = lambda: self.condition(json.loads(self.kubectl("get", "node", "n2", "-o", "json").stdout)["status"], "DiskPressure")
        self.eventually("DiskPressure", lambda: pressure()["status"] == "True", 60)
        self.eventually("the taint", lambda: "node.kubernetes.io/disk-pressure" in self.kubectl("get", "node", "n2", "-o", "json").stdout, 60)
        # Who comes while there is pressure is not let in.
        self.create(pod("late", "n2"))
        status = self.ended("filler")
        self.assertEqual(status["reason"], "Evicted")
        self.assertRegex(status["message"], "^The node was low on resource: ephemeral-storage. "
                         "Threshold quantity: 20Mi, available: [0-9]+(Ki|Mi|). ")
        self.assertEqual(self.condition(status, "DisruptionTarget")["reason"], "TerminationByKubelet")
        self.assertEqual(self.event("filler", "Evicted"), status["message"])
        late = self.ended("late")
        self.assertEqual((late["reason"], late["message"]),
                         ("Evicted", "Pod was rejected: The node had condition: [DiskPressure]. "))
        self.assertEqual(self.status("quiet")["phase"], "Running")
        self.assertIn("Attempting to reclaim ephemeral-storage", self.kubectl("describe", "node", "n2").stdout)
        # What it held is free again, and so is the node.
        self.eventually("no DiskPressure", lambda: pressure()["status"] == "False", 60)
        self.eventually("no taint", lambda: "disk-pressure" not in self.kubectl("get", "node", "n2", "-o", "json").stdout, 60)

    def test_07_a_node_takes_no_more_pods_than_it_may(self):
        self.create(pod("second", "n2"), pod("third", "n2"))
        self.kubectl("wait", "--for=condition=Ready", "pod/second", "pod/third", "--timeout=60s")
        self.create(pod("fourth", "n2"))
        status = self.ended("fourth")
        self.assertEqual(status["reason"], "OutOfpods")
        self.assertEqual(status["message"], "Pod was rejected: Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3")

    def test_08_a_critical_pod_takes_the_room_of_another(self):
        half = {"resources": {"requests": {"cpu": "1200m"}}}
        self.create(pod("victim", "n1", half))
        self.kubectl("wait", "--for=condition=Ready", "pod/victim", "--timeout=60s")
        self.create(pod("critical", "n1", half, priorityClassName="system-node-critical"))
        self.kubectl("wait", "--for=condition=Ready", "pod/critical", "--timeout=60s")
        status = self.ended("victim")
        self.assertEqual((status["reason"], status["message"]), ("Preempting", "Preempted in order to admit critical pod"))
        self.assertEqual(self.condition(status, "DisruptionTarget")["message"],
                         "Pod was preempted by Kubelet to accommodate a critical pod.")

    # --- subPaths and hooks

    def test_09_a_subpath_cannot_be_led_out_of_its_volume(self):
        # Its first instance replaces the folder that is mounted by a link to the host's root.
        swap = "ls /sub; test -e /all/done && exit 0; touch /all/done; rmdir /all/sub; ln -s / /all/sub; exit 1"
        mounts = [{"name": "data", "mountPath": "/all"}, {"name": "data", "mountPath": "/sub", "subPath": "sub"}]
        self.create(pod("thief", "n1", {"command": ["sh", "-c", swap], "volumeMounts": mounts},
                        volumes=[{"name": "data", "emptyDir": {}}]),
                    pod("honest", "n1", {"command": ["sh", "-c", "echo $NAME >/mine/name; sleep 1000000"],
                                         "env": [{"name": "NAME", "value": "x1"}],
                                         "volumeMounts": [mounts[0], {"name": "data", "mountPath": "/mine", "subPathExpr": "of-$(NAME)"}]},
                        volumes=[{"name": "data", "emptyDir": {}}]))
        self.eventually("the thief waits", lambda: self.state("thief").get("waiting", {}).get("reason") == "CreateContainerConfigError", 60)
        self.assertIn('failed to prepare subPath for volumeMount "data" of container "app"', self.state("thief")["waiting"]["message"])
        self.kubectl("wait", "--for=condition=Ready", "pod/honest", "--timeout=60s")
        self.assertEqual(self.kubectl("exec", "honest", "--", "cat", "/all/of-x1/name").stdout, "x1\n")
        uid = self.pod("honest")["metadata"]["uid"]
        node = self.cluster.nodes[0]
        self.assertIn(f"/var/lib/kubelet/pods/{uid}/volume-subpaths/data/app/1 ", node.run("cat", "/proc/self/mounts").stdout)
        self.kubectl("delete", "pod", "honest", "thief", "--timeout=60s")
        self.eventually("no mounts of it", lambda: uid not in node.run("cat", "/proc/self/mounts").stdout, 60)
        self.eventually("no folder of it", lambda: uid not in node.run("ls", "/var/lib/kubelet/pods").stdout, 60)

    def test_10_a_poststart_hook_that_hangs_does_not_hold_up_the_end(self):
        self.create(pod("hooked", "n1", {"lifecycle": {"postStart": {"exec": {"command": ["sleep", "1000"]}}}}))
        self.eventually("its start", lambda: "Started" in self.events("hooked"), 60)
        self.assertEqual(self.state("hooked")["waiting"]["reason"], "ContainerCreating")
        self.kubectl("delete", "pod", "hooked", "--timeout=60s")

    def test_11_hooks_that_sleep(self):
        sleep = lambda n: {"sleep": {"seconds": n}}
        self.create(pod("sleepy", "n1", {"lifecycle": {"postStart": sleep(1), "preStop": sleep(1)}}, terminationGracePeriodSeconds=20))
        self.kubectl("wait", "--for=condition=Ready", "pod/sleepy", "--timeout=60s")
        self.kubectl("delete", "pod", "sleepy", "--timeout=60s")

    # --- memory

    def test_12_pods_that_take_too_much_memory_together(self):
        node = self.cluster.nodes[1]
        node.kill_berthd()
        # All but 300 MiB is somebody else's: pods may have these up to the threshold of 50 MiB.
        with open("/proc/meminfo") as meminfo:
            total = int(meminfo.readline().split()[1])
        settings = node.folder / "berthd.yaml"
        settings.write_text(settings.read_text().replace("maxPods: 3\n", f"kubeReserved:\n  memory: {total - (300 << 10)}Ki\n"))
        node.start_berthd()
        self.eventually("its new size", lambda: json.loads(self.kubectl("get", "node", "n2", "-o", "json").stdout)
                        ["status"]["allocatable"]["pods"] == "110", 60)
        # Its files are memory: 270 MiB, and no more. One volume may not be larger than 250.
        hog = pod("hog", "n2", {"command": ["sh", "-c", "for i in 1 2; do dd if=/dev/zero of=/mem$i/x bs=1M count=135; done; sleep 1000000"],
                                "volumeMounts": [{"name": f"mem{i}", "mountPath": f"/mem{i}"} for i in (1, 2)]},
                  volumes=[{"name": f"mem{i}", "emptyDir": {"medium": "Memory"}} for i in (1, 2)])
        self.create(hog)
        status = self.ended("hog")
        self.assertEqual(status["reason"], "Evicted")
        self.assertRegex(status["message"], "^The node was low on resource: memory. Threshold quantity: 50Mi, available: [0-9]+(Ki|Mi|). "
                         "Container app was using [0-9]+(Ki|Mi|), request is 0, has larger consumption of memory. $")
        self.assertEqual(self.status("quiet")["phase"], "Running")
        notes = next(e for e in json.loads(self.kubectl("get", "events", "-o", "json").stdout)["items"]
                     if e["reason"] == "Evicted" and e["involvedObject"]["name"] == "hog")["metadata"]["annotations"]
        self.assertEqual((notes["starved_resource"], notes["offending_containers"]), ("memory", "app"))


if __name__ == "__main__":
    harness.main()
