#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who a node is and what it may: nodes that join with nothing but a bootstrap token, certificates
that are renewed while watches run, what a node and a stranger are refused, and that no port that
others reach speaks without TLS or to just anybody."""

import base64
import json
import os
import re
import time

import harness
from cluster import API_PORT, CONTROL_PLANE, run, wait_for
from demo import BUSYBOX, get

SERVER = f"https://{CONTROL_PLANE}:{API_PORT}"
PODS = """
apiVersion: v1
kind: Secret
metadata: {name: %(name)s}
stringData: {word: of-%(node)s}
---
apiVersion: v1
kind: Pod
metadata: {name: %(name)s}
spec:
  nodeName: %(node)s
  terminationGracePeriodSeconds: 0
  containers:
  - {name: app, image: %(image)s, command: [sleep, "1000000"], volumeMounts: [{name: s, mountPath: /s}]}
  volumes: [{name: s, secret: {secretName: %(name)s}}]
"""


class CredentialsTest(harness.ClusterTest):
    label = "creds"

    @classmethod
    def setUpClass(cls):
        cls.cluster = harness.Cluster(f"{cls.label}{os.getpid()}", harness.BUILD)
        harness.atexit.register(cls.end)
        cls.cluster.node_settings = "rotateCertificates: true\nserverTLSBootstrap: true\n"
        # With the five minutes that they begin early, certificates are renewed after 1 to 24 s.
        cls.cluster.apiserver_flags = ["--cluster-signing-duration=60s"]
        cls.cluster.up(start_nodes=False)
        for node in cls.cluster.nodes:
            node.start()
            (node.folder / "kubeconfig").unlink()

    def invite(self, *flags):
        """The text of a bootstrap kubeconfig."""
        return run("nsenter", f"--net=/run/netns/{self.cluster.fabric}",
                   self.cluster._program("berth-controlplane"), "bootstrap-kubeconfig", "--data-dir",
                   self.cluster.data, *flags).stdout

    def join(self, node, text):
        path = node.folder / "bootstrap-kubeconfig"
        path.touch(mode=0o600)
        path.write_text(text)
        node.start_berthd("--bootstrap-kubeconfig", path, "--cert-dir", self.certs(node))

    @staticmethod
    def certs(node):
        return node.folder / "pki"

    def requests(self):
        return get(self.cluster, "csr")["items"]

    def current(self, node):
        """The file that the node's client certificate is in."""
        try:
            return os.readlink(self.certs(node) / "kubelet-client-current.pem")
        except OSError:
            return None

    def as_node(self, node, *arguments):
        """kubectl with what the node itself has, from outside."""
        text = (node.folder / "kubeconfig").read_text()
        port = (self.cluster.folder / "port").read_text()
        path = self.cluster.folder / f"as-{node.name}"
        path.touch(mode=0o600)
        path.write_text(text.replace(SERVER, f"https://127.0.0.1:{port}"))
        return self.kubectl("--kubeconfig", str(path), *arguments, check=False)

    def ask(self, node, path, token=None, method="GET"):
        """The status of a request to the node's API, from the control plane's network."""
        command = ["nsenter", f"--net=/run/netns/{self.cluster.fabric}", "curl", "-sk", "-m", "20",
                   "-o", "/dev/null", "-w", "%{http_code}", "-X", method]
        if token:
            command += ["-H", f"Authorization: Bearer {token}"]
        return int(run(*command, f"https://{node.address}:10250{path}", check=False).stdout or 0)

    def test_01_a_token_that_is_not_good_joins_nothing(self):
        node = self.cluster.nodes[0]
        good = self.invite("--ttl=1h", "--description=for the test")
        secret = re.search(r'"token": "([a-z0-9]{6}\.[a-z0-9]{16})"', good)[1]
        # Revoked, expired, and one that nobody made.
        self.kubectl("-n", "kube-system", "delete", "secret", f"bootstrap-token-{secret[:6]}")
        expired = self.invite("--ttl=1s")
        time.sleep(1.5)
        forged = good.replace(secret, "abcdef.0123456789abcdef")
        for count, text in enumerate((good, expired, forged), 1):
            self.join(node, text)
            wait_for("the end of berthd", lambda: node.berthd.pid() is None, 60)
            node.berthd.stop()
            self.assertEqual(node.log.read_text().count("certificate signing request: Unauthorized\n"), count)
        self.assertEqual(self.requests(), [])
        self.assertFalse((node.folder / "kubeconfig").exists())

    def test_02_a_token_without_the_nodes_group_waits_for_a_person(self):
        node = self.cluster.nodes[0]
        text = self.invite("--ttl=1h")
        secret = re.search(r'"token": "([a-z0-9]{6})\.', text)[1]
        # It may ask, as kubeadm's first tokens might, and is not approved by itself.
        group = base64.b64encode(b"system:bootstrappers:others").decode()
        self.kubectl("-n", "kube-system", "patch", "secret", f"bootstrap-token-{secret}", "-p",
                     json.dumps({"data": {"auth-extra-groups": group}}))
        self.kubectl("create", "clusterrolebinding", "others-may-ask", "--clusterrole=system:node-bootstrapper",
                     "--group=system:bootstrappers:others")
        self.join(node, text)
        self.eventually("a request", lambda: len(self.requests()) == 1, 60)
        name = self.requests()[0]["metadata"]["name"]
        self.assertTrue(name.startswith("node-csr-"))
        self.assertEqual(self.requests()[0]["spec"]["username"], f"system:bootstrap:{secret}")
        # A restart asks with the same request.
        node.kill_berthd()
        self.join(node, text)
        self.eventually("berthd to wait again", lambda: node.log.read_text().count("certificate requested") == 2, 60)
        self.assertEqual([r["metadata"]["name"] for r in self.requests()], [name])
        self.assertIn("Pending", self.kubectl("get", "csr").stdout)
        self.kubectl("certificate", "approve", name)
        self.eventually("n1's kubeconfig", lambda: (node.folder / "kubeconfig").exists(), 60)
        self.assertEqual((node.folder / "kubeconfig").stat().st_mode & 0o777, 0o600)

    def test_03_the_other_node_joins_with_its_token_alone(self):
        self.join(self.cluster.nodes[1], self.invite())
        self.cluster.wait_nodes_ready(60)
        type(self).first_pem = (self.certs(self.cluster.nodes[0]) / "kubelet-client-current.pem").read_text()
        self.kubectl("delete", "secrets", "-n", "kube-system", "--field-selector=type=bootstrap.kubernetes.io/token")

    def test_04_serving_certificates_are_for_a_person_to_approve(self):
        def waiting():
            return {r["spec"]["username"]: r["metadata"]["name"] for r in self.requests()
                    if r["spec"]["signerName"] == "kubernetes.io/kubelet-serving"}
        self.eventually("both nodes' requests", lambda: len(waiting()) == 2, 60)
        for node in self.cluster.nodes:
            self.assertEqual(self.ask(node, "/healthz"), 0)  # nothing to show yet: nobody listens
        self.kubectl("certificate", "approve", *waiting().values())
        for node in self.cluster.nodes:
            self.eventually(f"{node.name}'s API", lambda n=node: self.ask(n, "/healthz") == 401, 60)
            shown = run("nsenter", f"--net=/run/netns/{self.cluster.fabric}", "curl", "-s", "--cacert",
                        self.cluster.data / "pki/ca.crt", "-o", "/dev/null", "-w", "%{http_code}",
                        f"https://{node.address}:10250/healthz", check=False)
            self.assertEqual(shown.stdout, "401", shown.stderr)

    def test_05_certificates_are_renewed_and_the_node_stays_ready(self):
        for node in self.cluster.nodes:
            self.kubectl("apply", "-f", "-", input=PODS % {"name": f"on-{node.name}", "node": node.name,
                                                           "image": BUSYBOX})
        self.kubectl("wait", "--for=condition=Ready", "pod/on-n1", "pod/on-n2", "--timeout=90s")
        before = {n.name: self.current(n) for n in self.cluster.nodes}
        for node in self.cluster.nodes:
            self.eventually(f"another certificate of {node.name}",
                            lambda n=node: self.current(n) != before[n.name], 120)
        names = {r["metadata"]["name"] for r in self.requests() if r["spec"]["username"] == "system:node:n1"
                 and r["spec"]["signerName"].endswith("client-kubelet")}
        self.assertTrue(names)
        # What the watches bring still arrives: a new pod runs, one that is deleted goes.
        self.kubectl("run", "late", f"--image={BUSYBOX}", '--overrides={"spec": {"nodeName": "n1"}}',
                     "--command", "--", "sleep", "1000000")
        self.kubectl("wait", "--for=condition=Ready", "pod/late", "--timeout=60s")
        self.kubectl("delete", "pod", "late", "--grace-period=1", "--timeout=60s")
        ready = get(self.cluster, "nodes")["items"]
        for node in ready:
            condition = next(c for c in node["status"]["conditions"] if c["type"] == "Ready")
            self.assertEqual(condition["status"], "True")
        self.assertLessEqual(len(list(self.certs(self.cluster.nodes[0]).glob("kubelet-client-2*.pem"))), 4)

    def test_06_a_node_does_not_read_what_others_have(self):
        n1, n2 = self.cluster.nodes
        # The role is for the request, the certificate for the identity: kubectl may come between two renewals.
        own = self.as_node(n1, "get", "secret", "on-n1", "-o", "jsonpath={.data.word}")
        self.assertEqual(base64.b64decode(own.stdout).decode(), "of-n1", own.stderr)
        other = self.as_node(n1, "get", "secret", "on-n2")
        self.assertNotEqual(other.returncode, 0)
        self.assertIn("no relationship found between node 'n1' and this object", other.stderr)
        for refused in (["get", "secrets", "-A"], ["get", "secrets", "-n", "kube-system"], ["get", "pods", "-A"],
                        ["delete", "pod", "on-n2"], ["label", "node", "n2", "a=b"], ["delete", "node", "n1"],
                        ["create", "token", "default"], ["get", "clusterroles"],
                        ["label", "node", "n1", "node-restriction.kubernetes.io/a=b"]):
            result = self.as_node(n1, *refused)
            self.assertNotEqual(result.returncode, 0, refused)
            self.assertIn("orbidden", result.stderr, refused)
        self.assertEqual(self.as_node(n2, "get", "secret", "on-n2").returncode, 0)

    def test_07_the_nodes_api_asks_who_and_whether(self):
        node = self.cluster.nodes[0]
        self.kubectl("create", "serviceaccount", "nobody")
        self.kubectl("create", "serviceaccount", "monitor")
        self.kubectl("create", "clusterrole", "metrics", "--verb=get", "--resource=nodes/metrics")
        self.kubectl("create", "clusterrolebinding", "metrics", "--clusterrole=metrics",
                     "--serviceaccount=default:monitor")
        nobody = self.kubectl("create", "token", "nobody").stdout.strip()
        monitor = self.kubectl("create", "token", "monitor").stdout.strip()
        self.assertEqual(self.ask(node, "/pods"), 401)
        self.assertEqual(self.ask(node, "/pods", "no-token-at-all"), 401)
        for path in ("/pods", "/metrics", "/healthz", "/containerLogs/default/on-n1/app"):
            self.assertEqual(self.ask(node, path, nobody), 403, path)
        self.assertEqual(self.ask(node, "/exec/default/on-n1/app?command=id&output=1", nobody, "POST"), 403)
        self.assertEqual(self.ask(node, "/metrics", monitor), 200)
        self.assertEqual(self.ask(node, "/pods", monitor), 403)
        self.assertEqual(self.kubectl("exec", "on-n1", "--", "echo", "here").stdout, "here\n")
        text = run("nsenter", f"--net=/run/netns/{self.cluster.fabric}", "curl", "-sk", "-H",
                   f"Authorization: Bearer {monitor}", f"https://{node.address}:10250/metrics").stdout
        for metric in ("kubelet_certificate_manager_client_ttl_seconds",
                       "kubelet_certificate_manager_client_expiration_renew_errors",
                       "kubelet_certificate_manager_server_ttl_seconds",
                       "kubelet_server_expiration_renew_errors"):
            self.assertIn(f"\n{metric} ", text)

    def listeners(self, inside):
        """(address, port) of what listens for others in a network namespace."""
        found = set()
        for line in run(*inside, "ss", "-Hltn").stdout.splitlines():
            address, port = line.split()[3].rsplit(":", 1)
            address = address.split("%")[0].strip("[]")
            if not address.startswith("127.") and address != "::1":
                found.add((address, int(port)))
        return found

    def plain(self, inside, address, port):
        """What a plain request is answered with, over a namespace's own address."""
        result = run(*inside, "curl", "-s", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}",
                     f"http://{address}:{port}/", check=False)
        return int(result.stdout or 0)

    def test_08_nothing_that_others_reach_speaks_plainly_or_to_anybody(self):
        nodes = {n.name: (["nsenter", f"--net=/run/netns/{n.netns}"], n.address) for n in self.cluster.nodes}
        fabric = (["nsenter", f"--net=/run/netns/{self.cluster.fabric}"], CONTROL_PLANE)
        for name, (inside, address) in {**nodes, "control plane": fabric}.items():
            ports = {port for _, port in self.listeners(inside)}
            self.assertIn(API_PORT if name == "control plane" else 10250, ports)
            for port in ports:
                if port == 10256:  # health of the service proxy, for load balancers: a number, no more
                    continue
                self.assertIn(self.plain(inside, address, port), (0, 400), f"{name}:{port} speaks plainly")
                answer = run(*inside, "curl", "-sk", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}",
                             f"https://{address}:{port}/api/v1/secrets", check=False).stdout
                self.assertIn(int(answer), (401, 403), f"{name}:{port}")

    def test_09_people_have_what_their_roles_gather(self):
        def may(*command):
            return self.kubectl("--as=viewer", *command, check=False).returncode == 0
        self.assertFalse(may("get", "pods"))
        self.kubectl("create", "clusterrolebinding", "viewer", "--clusterrole=view", "--user=viewer")
        self.eventually("view to have its rules", lambda: may("get", "pods"))
        self.assertFalse(may("get", "secrets"))
        self.assertFalse(may("get", "nodes"))
        self.kubectl("create", "clusterrole", "see-nodes", "--verb=get,list", "--resource=nodes")
        self.kubectl("label", "clusterrole", "see-nodes", "rbac.authorization.k8s.io/aggregate-to-view=true")
        self.eventually("nodes in view", lambda: may("get", "nodes"))
        listed = self.kubectl("--as=viewer", "auth", "can-i", "--list").stdout
        self.assertRegex(listed, r"(?m)^nodes +\[\] +\[\] +\[get list\]")

    def test_10_a_node_that_was_away_until_its_certificate_ended_joins_again(self):
        node = self.cluster.nodes[0]
        node.kill_berthd()
        pem = self.certs(node) / "kubelet-client-current.pem"
        pem.resolve().write_text(self.first_pem)  # as if nothing had been renewed since

        def ended():
            return run("openssl", "x509", "-in", pem, "-noout", "-checkend", "0", check=False).returncode != 0
        self.eventually("the end of the certificate", ended, 100)
        before = self.current(node)
        # The token of the first time is gone; with a new one the node comes back.
        self.join(node, self.invite())
        self.eventually("another certificate", lambda: self.current(node) != before, 60)
        self.eventually("n1 to be Ready", lambda: any(
            n["metadata"]["name"] == "n1" and c["type"] == "Ready" and c["status"] == "True"
            for n in get(self.cluster, "nodes")["items"] for c in n["status"]["conditions"]), 60)
        self.assertEqual(self.kubectl("exec", "on-n2", "--", "cat", "/s/word").stdout, "of-n2")


if __name__ == "__main__":
    harness.main()
