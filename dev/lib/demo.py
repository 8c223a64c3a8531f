# SPDX-License-Identifier: Apache-2.0
"""What dev/up shows and the e2e tests check: a Deployment behind a Service, asked many times."""

import collections
import json

from cluster import CONTROL_PLANE, run, wait_for

WEB = "berth.local/web:1"
BUSYBOX = "berth.local/busybox:1"


def get(cluster, *arguments):
    return json.loads(cluster.kubectl("get", *arguments, "-o", "json").stdout)


def ready_pods(cluster, selector):
    pods = get(cluster, "pods", "-l", selector)["items"]
    return [p for p in pods if "deletionTimestamp" not in p["metadata"]
            and any(c["type"] == "Ready" and c["status"] == "True" for c in p["status"].get("conditions", []))]


def deploy_web(cluster, replicas=4):
    cluster.kubectl("create", "deployment", "web", f"--image={WEB}", f"--replicas={replicas}")
    cluster.kubectl("expose", "deployment", "web", "--type=NodePort", "--port=80", "--target-port=8080")
    cluster.kubectl("run", "client", f"--image={BUSYBOX}", "--command", "--", "sleep", "1000000")
    cluster.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    wait_for("the client pod", lambda: len(ready_pods(cluster, "run=client")) == 1)


def ask_cluster_ip(cluster, times):
    """Answers by pod name, asked by the client pod with a connection each."""
    address = get(cluster, "service", "web")["spec"]["clusterIP"]
    script = f"for i in $(seq {times}); do wget -qO- http://{address}/ || echo failed; done"
    return collections.Counter(cluster.kubectl("exec", "client", "--", "sh", "-c", script).stdout.split())


def ask_node_port(cluster, node, times=1):
    """The same from outside the nodes, through `node`'s NodePort."""
    port = get(cluster, "service", "web")["spec"]["ports"][0]["nodePort"]
    answers = collections.Counter()
    for _ in range(times):
        result = run("nsenter", f"--net=/run/netns/{cluster.fabric}", "curl", "-sf", "--max-time", "5",
                     f"http://{node.address}:{port}/", check=False)
        answers[result.stdout.strip() or f"failed ({result.returncode}) via {CONTROL_PLANE}"] += 1
    return answers
