# SPDX-License-Identifier: Apache-2.0
"""Pods for tests, and what they say of themselves."""

import json

import harness
from demo import BUSYBOX, get

FOREVER = ["sleep", "1000000"]


def pod(name, node=None, container=None, **spec):
    """A Pod of one container "app"; keys of `spec` as in JSON."""
    app = {"name": "app", "image": BUSYBOX, "command": FOREVER}
    app.update(container or {})
    spec = {"terminationGracePeriodSeconds": 1, "containers": [app], **spec}
    if node:
        spec["nodeName"] = node
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


class PodsTest(harness.ClusterTest):
    def create(self, *pods):
        self.kubectl("create", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(pods)}))

    def pod(self, name):
        result = self.kubectl("get", "pod", name, "-o", "json", check=False)
        return json.loads(result.stdout) if result.returncode == 0 else None

    def status(self, name):
        return (self.pod(name) or {}).get("status", {})

    def state(self, name, index=0):
        return self.status(name).get("containerStatuses", [{}])[index].get("state", {})

    def events(self, name):
        return {e["reason"]: e["message"] for e in get(self.cluster, "events", "--field-selector",
                                                       f"involvedObject.name={name}")["items"]}

    def event(self, name, reason):
        self.eventually(f"event {reason} of {name}", lambda: reason in self.events(name), 60)
        return self.events(name)[reason]
