#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""exec, attach, port-forward, cp and logs: by kubectl over WebSocket and over SPDY, and by a client
of the tests' own that can misbehave. BERTH_COPY_MB=1024 makes kubectl cp copy a gigabyte."""

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import time
import urllib.parse

import harness
from cluster import run
from demo import BUSYBOX, WEB, get, ready_pods
from websocket import BINARY, CLOSE, PING, PONG, TEXT, Api, Refused, WebSocket

COPY_MB = int(os.environ.get("BERTH_COPY_MB", "64"))
TRANSPORTS = {"WebSocket": "true", "SPDY": "false"}

PODS = """
apiVersion: v1
kind: Pod
metadata: {name: box}
spec:
  nodeName: n1
  terminationGracePeriodSeconds: 1
  containers:
  - {name: app, image: %(busybox)s, command: [sleep, "1000000"]}
  - {name: side, image: %(busybox)s, command: [sh, -c, "echo from the side; exec sleep 1000000"]}
---
apiVersion: v1
kind: Pod
metadata: {name: talker}
spec:
  nodeName: n1
  terminationGracePeriodSeconds: 1
  containers:
  - {name: app, image: %(busybox)s, stdin: true, command: [sh, -c, "while read x; do echo heard $x; echo oops $x >&2; done; echo end of input; exec sleep 1000000"]}
---
apiVersion: v1
kind: Pod
metadata: {name: logger}
spec:
  nodeName: n1
  terminationGracePeriodSeconds: 1
  volumes: [{name: kept, emptyDir: {}}]
  containers:
  - name: app
    image: %(busybox)s
    volumeMounts: [{name: kept, mountPath: /kept}]
    command: [sh, -c, "if mkdir /kept/once; then echo first life; exit 1; fi; i=0; while :; do echo tick $((i += 1)); sleep 0.2; done"]
  - {name: side, image: %(busybox)s, command: [sh, -c, "echo to stdout; echo to stderr >&2; exec sleep 1000000"]}
---
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  nodeName: n1
  terminationGracePeriodSeconds: 1
  containers:
  - {name: app, image: %(web)s}
  - {name: sums, image: %(busybox)s, command: [nc, -lk, -p, "7000", -e, md5sum]}
""" % {"busybox": BUSYBOX, "web": WEB}


class StreamsTest(harness.ClusterTest):
    label = "strm"

    def setUp(self):
        if self.cluster.kubeconfig.exists() and not hasattr(StreamsTest, "api"):
            StreamsTest.api = Api(self.cluster)

    def environment(self, transport):
        on = TRANSPORTS[transport]
        return dict(os.environ, KUBECONFIG=str(self.cluster.kubeconfig), HOME=str(self.cluster.folder),
                    KUBECTL_REMOTE_COMMAND_WEBSOCKETS=on, KUBECTL_PORT_FORWARD_WEBSOCKETS=on)

    def streaming(self, transport, *arguments, **kwargs):
        """kubectl, over one of the two and without a way back to the other."""
        return subprocess.run(["kubectl", *arguments], env=self.environment(transport), capture_output=True,
                              timeout=600, check=False, **kwargs)

    def starting(self, transport, *arguments, **kwargs):
        return subprocess.Popen(["kubectl", *arguments], env=self.environment(transport), **kwargs)

    def exec_path(self, pod, *command, container="app", action="exec", **streams):
        query = [("container", container)] + [(name, "true") for name, on in streams.items() if on]
        query += [("command", word) for word in command]
        return f"/api/v1/namespaces/default/pods/{pod}/{action}?{urllib.parse.urlencode(query)}"

    def own(self, path, protocol="v5.channel.k8s.io", **kwargs):
        return WebSocket(self.api, path, protocol, **kwargs)

    def in_box(self, script):
        return self.kubectl("exec", "box", "-c", "app", "--", "sh", "-c", script).stdout

    def test_01_pods_are_running(self):
        self.cluster.wait_nodes_ready()
        self.kubectl("apply", "-f", "-", input=PODS)
        self.kubectl("wait", "--for=condition=Ready", "pods", "--all", "--timeout=120s")

    def test_02_exec_by_both_transports(self):
        for transport in TRANSPORTS:
            with self.subTest(transport):
                result = self.streaming(transport, "exec", "box", "-v=8", "--", "true")
                how = b"GET" if transport == "WebSocket" else b"POST"
                self.assertRegex(result.stderr, how + rb" https://\S+/exec\?")
                self.assertIn(b"101 Switching Protocols", result.stderr)
                result = self.streaming(transport, "exec", "box", "-c", "side", "--", "sh", "-c",
                                        "echo out; echo err >&2; exit 7")
                self.assertEqual((result.returncode, result.stdout), (7, b"out\n"))
                self.assertIn(b"err\n", result.stderr)
                self.assertIn(b"command terminated with exit code 7", result.stderr)
                # Everything goes in, its end is seen, and what is said afterwards comes out.
                data = os.urandom(3 << 20)
                result = self.streaming(transport, "exec", "-i", "box", "--", "sh", "-c", "md5sum; echo after",
                                        input=data)
                self.assertEqual(result.stdout.decode(), f"{hashlib.md5(data).hexdigest()}  -\nafter\n")
                result = self.streaming(transport, "exec", "-i", "box", "--", "cat", input=data)
                self.assertEqual(hashlib.md5(result.stdout).hexdigest(), hashlib.md5(data).hexdigest())
                result = self.streaming(transport, "exec", "box", "--", "/no/such/program")
                self.assertNotEqual(result.returncode, 0)
                self.assertIn(b"no such file", result.stderr)


    def terminal(self, transport, rows, columns, *arguments):
        """kubectl under a terminal of its own: its pid and the terminal's other end."""
        pid, fd = pty.fork()
        if pid == 0:
            os.execvpe("kubectl", ["kubectl", *arguments], self.environment(transport))
        self.resize(fd, rows, columns)
        self.addCleanup(self.end_child, pid, fd)
        return pid, fd

    @staticmethod
    def resize(fd, rows, columns):
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @staticmethod
    def end_child(pid, fd):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        os.close(fd)

    def expect(self, fd, pattern, seconds=30.0):
        """What came until `pattern`; it is taken from the terminal."""
        seen, deadline = b"", time.monotonic() + seconds
        while not re.search(pattern, seen):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                self.fail(f"no {pattern} in {seen}")
            try:
                seen += os.read(fd, 4096)
            except OSError:
                self.fail(f"ended without {pattern}: {seen}")
        return seen

    def test_03_a_terminal_has_the_size_of_the_users(self):
        for transport in TRANSPORTS:
            with self.subTest(transport):
                pid, fd = self.terminal(transport, 24, 80, "exec", "-it", "box", "--", "sh", "-c",
                                        "echo begun; exec sh")
                self.expect(fd, rb"begun")

                def size(wanted):
                    """The change travels beside the input, so it may come a little later."""
                    def asked():
                        os.write(fd, b"echo $(stty size) asked\n")
                        return wanted in self.expect(fd, rb"\d+ \d+ asked")
                    return asked
                self.eventually("the first size", size(b"24 80"))
                self.resize(fd, 50, 132)
                os.kill(pid, signal.SIGWINCH)
                self.eventually("the second size", size(b"50 132"))
                os.write(fd, b"tty; exit 5\n")
                self.expect(fd, rb"/dev/pts/\d+")
                self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 5)


if __name__ == "__main__":
    harness.main()
