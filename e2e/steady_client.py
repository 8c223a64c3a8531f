#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Asks a service steadily until SIGTERM, then prints what came of it as one line of JSON.

steady_client.py MODE ADDRESS PORT
  new   a new connection every 20 ms
  keep  8 connections, a request on each of them every 100 ms; a broken one is not made again
  udp   one socket, that is one flow, a datagram every 20 ms

The answer: {"asked": n, "answers": {pod: n}, "failures": [[seconds since the start, error]...],
"broken": [first answer of each broken connection], "last": [the latest answer of each connection]}
"""

import collections
import http.client
import json
import signal
import socket
import sys
import time

PATIENCE = 15.0  # seconds until no answer counts as a failure; the machine may be loaded


class Client:
    def __init__(self, address, port):
        self.target = (address, port)
        self.start = time.monotonic()
        self.running = True
        self.asked, self.answers, self.failures = 0, collections.Counter(), []
        self.broken, self.last = [], []
        signal.signal(signal.SIGTERM, self.stop)

    def stop(self, *_):
        self.running = False

    def every(self, seconds):
        due = time.monotonic()
        while self.running:
            yield
            due = max(due + seconds, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))

    def fail(self, error):
        self.failures.append([round(time.monotonic() - self.start, 2), repr(error)])

    def ask(self, connection, headers):
        self.asked += 1
        connection.request("GET", "/", headers=headers)
        name = connection.getresponse().read().decode()
        self.answers[name.split()[0]] += 1
        return name

    def new(self):
        for _ in self.every(0.02):
            connection = http.client.HTTPConnection(*self.target, timeout=PATIENCE)
            try:
                self.last = [self.ask(connection, {"Connection": "close"})]
            except (OSError, http.client.HTTPException) as error:
                self.fail(error)
            finally:
                connection.close()

    def keep(self):
        connections = [http.client.HTTPConnection(*self.target, timeout=PATIENCE) for _ in range(8)]
        first = [self.ask(c, {}) for c in connections]
        self.last = list(first)
        alive = set(range(len(connections)))
        print(json.dumps(first), flush=True)
        for _ in self.every(0.1):
            for i in sorted(alive):
                try:
                    self.last[i] = self.ask(connections[i], {})
                except (OSError, http.client.HTTPException) as error:
                    self.fail(error)
                    self.broken.append(first[i])
                    alive.discard(i)

    def udp(self):
        """Waits for no answer before the next datagram: those that come late count all the same."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flow:
            flow.connect(self.target)
            flow.setblocking(False)
            for _ in self.every(0.02):
                try:
                    flow.send(str(self.asked).encode())
                    self.asked += 1
                    while True:
                        name = flow.recv(2000).decode()
                        self.answers[name.split()[0]] += 1
                        if self.last != [name.split()[0]]:
                            self.last = [name.split()[0]]
                            print(json.dumps(self.last), flush=True)
                except BlockingIOError:
                    pass
                except OSError as error:
                    self.fail(error)


def main():
    client = Client(sys.argv[2], int(sys.argv[3]))
    {"new": client.new, "keep": client.keep, "udp": client.udp}[sys.argv[1]]()
    print(json.dumps({"asked": client.asked, "answers": client.answers, "failures": client.failures,
                      "broken": client.broken, "last": client.last}), flush=True)


if __name__ == "__main__":
    main()
