# SPDX-License-Identifier: Apache-2.0
"""Pods that answer who they are (echo_server.py), a Service of them, and clients that ask steadily
(steady_client.py)."""

import json
import pathlib
import subprocess

from demo import get

E2E = pathlib.Path(__file__).resolve().parent

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


def in_pod(cluster, name):
    """The command that enters the network of a Pod, with its node's files."""
    pod = get(cluster, "pod", name)
    node = next(n for n in cluster.nodes if n.name == pod["spec"]["nodeName"])
    container = pod["status"]["containerStatuses"][0]["containerID"].rpartition("/")[2]
    tasks = node.run("ctr", "-n", "k8s.io", "tasks", "ls").stdout.splitlines()
    pid = next(line.split()[1] for line in tasks if line.startswith(container))
    return node.inside("nsenter", f"--net=/proc/{pid}/ns/net")
