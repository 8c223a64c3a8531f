# SPDX-License-Identifier: Apache-2.0
"""The API over HTTP, for tests that ask more often than kubectl can be started."""

import base64
import http.client
import json
import ssl
import threading
import urllib.parse


class Refused(Exception):
    """The server answered, with an error."""

    def __init__(self, status, body):
        super().__init__(f"{status}: {body.get('message', body)}")
        self.status, self.body = status, body


class Api:
    """An administrator's client. Thread-safe: each thread has its own connection.

    What comes of a request is its answer, Refused, or OSError, after which nobody knows whether the
    server did it.
    """

    def __init__(self, cluster):
        view = json.loads(cluster.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json").stdout)
        server = urllib.parse.urlsplit(view["clusters"][0]["cluster"]["server"])
        user = view["users"][0]["user"]
        self.host, self.port = server.hostname, server.port
        authority = base64.b64decode(view["clusters"][0]["cluster"]["certificate-authority-data"]).decode()
        self.tls = ssl.create_default_context(cadata=authority)
        pair = cluster.folder / "admin.pem"  # certificate and key: Python wants a file
        pair.touch(mode=0o600)
        pair.write_bytes(b"".join(base64.b64decode(user[f"client-{part}-data"]) for part in ("certificate", "key")))
        self.tls.load_cert_chain(pair)
        self.own = threading.local()

    def _connection(self, timeout):
        return http.client.HTTPSConnection(self.host, self.port, context=self.tls, timeout=timeout)

    def _send(self, connection, method, path, body, content_type):
        headers = {"Content-Type": content_type} if body is not None else {}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            return connection.getresponse()
        except http.client.HTTPException as error:
            raise ConnectionError(repr(error)) from error

    def request(self, method, path, body=None, content_type="application/json"):
        connection = getattr(self.own, "connection", None)
        if connection is None:
            connection = self.own.connection = self._connection(20)
        try:
            response = self._send(connection, method, path, body, content_type)
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self.own.connection = None
            raise error if isinstance(error, OSError) else ConnectionError(repr(error)) from error
        answer = json.loads(text) if text.startswith(b"{") else {"message": text.decode(errors="replace")}
        if response.status >= 400:
            raise Refused(response.status, answer)
        return answer

    def close(self):
        """The calling thread's connection."""
        connection, self.own.connection = getattr(self.own, "connection", None), None
        if connection is not None:
            connection.close()

    def get(self, path):
        return self.request("GET", path)

    def create(self, path, body):
        return self.request("POST", path, body)

    def put(self, path, body):
        return self.request("PUT", path, body)

    def patch(self, path, body):
        return self.request("PATCH", path, body, "application/strategic-merge-patch+json")

    def delete(self, path):
        return self.request("DELETE", path)

    def watch(self, path, version):
        """Yields the events after `version` until the stream ends; OSError when it is torn."""
        connection = self._connection(90)  # bookmarks come more often
        try:
            response = self._send(connection, "GET", f"{path}&watch=1&allowWatchBookmarks=true"
                                  f"&resourceVersion={version}", None, "")
            if response.status >= 400:
                raise Refused(response.status, json.loads(response.read()))
            for line in response:
                yield json.loads(line)
        except (http.client.HTTPException, ValueError) as error:  # a line that was cut is no JSON
            raise ConnectionError(repr(error)) from error
        finally:
            connection.close()
