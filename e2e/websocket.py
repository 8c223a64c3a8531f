# SPDX-License-Identifier: Apache-2.0
"""A WebSocket client of the tests' own, to say also what no proper client would."""

import base64
import json
import os
import socket
import ssl
import struct
import tempfile
import urllib.parse

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Api:
    """Where the API server is and who asks: the administrator of a kubeconfig, or a token's owner."""

    def __init__(self, cluster):
        config = json.loads(cluster.kubectl("config", "view", "--raw", "-o", "json").stdout)
        where, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        url = urllib.parse.urlparse(where["server"])
        self.host, self.port = url.hostname, url.port
        authority = base64.b64decode(where["certificate-authority-data"]).decode()
        self.admin = ssl.create_default_context(cadata=authority)
        with tempfile.NamedTemporaryFile() as pair:
            for field in ("client-certificate-data", "client-key-data"):
                pair.write(base64.b64decode(user[field]) + b"\n")
            pair.flush()
            self.admin.load_cert_chain(pair.name)
        self.anybody = ssl.create_default_context(cadata=authority)

    def connect(self, token=None):
        raw = socket.create_connection((self.host, self.port), timeout=60)
        context = self.anybody if token else self.admin
        return context.wrap_socket(raw, server_hostname=self.host)


class Refused(Exception):
    def __init__(self, code, body):
        super().__init__(f"{code}: {body}")
        self.code, self.body = code, body


class WebSocket:
    def __init__(self, api, path, protocol, token=None, headers=None):
        self.socket = api.connect(token)
        self.buffer = b""
        self.closed_with = None
        fields = {"Host": f"{api.host}:{api.port}", "Connection": "Upgrade", "Upgrade": "websocket",
                  "Sec-WebSocket-Version": "13", "Sec-WebSocket-Protocol": protocol,
                  "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode()}
        if token:
            fields["Authorization"] = f"Bearer {token}"
        fields.update(headers or {})
        lines = [f"GET {path} HTTP/1.1"] + [f"{name}: {value}" for name, value in fields.items()]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = self._until(b"\r\n\r\n").decode()
        self.headers = dict(line.lower().split(": ", 1) for line in head.strip().split("\r\n")[1:])
        code = int(head.split()[1])
        if code != 101:
            body = self._take(int(self.headers.get("content-length", 0)))
            self.socket.close()
            raise Refused(code, body.decode())
        self.protocol = self.headers.get("sec-websocket-protocol", "").replace("spdy", "SPDY")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        self.buffer += data

    def _until(self, mark):
        while mark not in self.buffer:
            self._more()
        end = self.buffer.index(mark) + len(mark)
        out, self.buffer = self.buffer[:end], self.buffer[end:]
        return out

    def _take(self, count):
        while len(self.buffer) < count:
            self._more()
        out, self.buffer = self.buffer[:count], self.buffer[count:]
        return out

    @staticmethod
    def frame(opcode, payload=b"", fin=True, masked=True):
        size = len(payload)
        head = bytes([opcode | (0x80 if fin else 0)])
        bit = 0x80 if masked else 0
        if size < 126:
            head += bytes([bit | size])
        elif size < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", size)
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", size)
        if not masked:
            return head + payload
        mask = os.urandom(4)
        repeated = (mask * (size // 4 + 1))[:size]
        masked_payload = (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")
        return head + mask + masked_payload

    def send(self, opcode, payload=b"", fin=True):
        self.socket.sendall(self.frame(opcode, payload, fin))

    def put(self, channel, data=b""):
        self.send(BINARY, bytes([channel]) + data)

    def receive(self):
        """The next frame; servers do not mask and need no fragments here."""
        head = self._take(2)
        assert head[0] & 0x80 and not head[1] & 0x80, head
        size = head[1]
        if size == 126:
            size = struct.unpack(">H", self._take(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self._take(8))[0]
        payload = self._take(size)
        if head[0] & 0x0F == CLOSE:
            self.closed_with = struct.unpack(">H", payload[:2])[0] if payload else 0
        return head[0] & 0x0F, payload

    def channels(self):
        """Everything until the close frame or the connection's end, by channel."""
        out = {}
        try:
            while self.closed_with is None:
                opcode, payload = self.receive()
                if opcode in (TEXT, BINARY):
                    out[payload[0]] = out.get(payload[0], b"") + payload[1:]
        except EOFError:
            pass
        return out
