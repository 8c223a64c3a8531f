# SPDX-License-Identifier: Apache-2.0
"""The API over one connection, without a process per call as kubectl has it; and watches."""

import base64
import http.client
import json
import ssl
import tempfile


def _entry(kubeconfig, key):
    return next(line.split(":", 1)[1].strip() for line in kubeconfig.splitlines() if f"{key}:" in line)


class Api:
    def __init__(self, cluster):
        text = cluster.kubeconfig.read_text()
        self.port = int(_entry(text, "server").rsplit(":", 1)[1])
        self.context = ssl.create_default_context(
            cadata=base64.b64decode(_entry(text, "certificate-authority-data")).decode())
        with tempfile.NamedTemporaryFile() as pair:
            for key in ("client-certificate-data", "client-key-data"):
                pair.write(base64.b64decode(_entry(text, key)))
            pair.flush()
            self.context.load_cert_chain(pair.name)
        self.connection = self._connect()

    def _connect(self):
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=300)

    def call(self, method, path, body=None):
        self.connection.request(method, path, body=json.dumps(body) if body is not None else None,
                                headers={"Content-Type": "application/json", "Accept": "application/json"})
        response = self.connection.getresponse()
        answer = json.loads(response.read() or b"{}")
        if response.status >= 300 and not (method == "DELETE" and response.status == 404):
            raise RuntimeError(f"{method} {path}: {answer.get('message', response.status)}")
        return answer

    def watch(self, path):
        """(type, object) of each event from now on; the caller stops reading when it has seen enough."""
        connection = self._connect()
        connection.request("GET", path + ("&" if "?" in path else "?") + "watch=1&resourceVersion="
                           + self.call("GET", path)["metadata"]["resourceVersion"],
                           headers={"Accept": "application/json"})
        response = connection.getresponse()
        try:
            for line in response:
                event = json.loads(line)
                yield event["type"], event["object"]
        finally:
            connection.close()


def is_ready(thing):
    return any(c["type"] == "Ready" and c["status"] == "True"
               for c in thing.get("status", {}).get("conditions", []))
