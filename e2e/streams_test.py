#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""exec, attach, port-forward, cp and logs: by kubectl over WebSocket and over SPDY, and by a client
of the tests' own that can misbehave. BERTH_COPY_MB=1024 makes kubectl cp copy a gigabyte."""

import base64
import concurrent.futures
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
metadata: {name: once}
spec:
  nodeName: n1
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  containers:
  - {name: app, image: %(busybox)s, stdin: true, stdinOnce: true, command: [sh, -c, "cat; echo end of input"]}
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
    command: [sh, -c, "if mkdir /kept/once 2>/dev/null; then echo first life; exit 1; fi; i=0; while :; do echo tick $((i += 1)); sleep 0.2; done"]
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
  - {name: sums, image: %(busybox)s, command: [nc, -ll, -p, "7000", -e, sh, -c, "head -c 1048576 | md5sum"]}
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

    def test_04_attach_speaks_with_the_containers_own_process(self):
        for transport in TRANSPORTS:
            with self.subTest(transport), \
                 self.starting(transport, "attach", "-i", "talker", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE) as attached:
                self.addCleanup(attached.kill)  # also when nothing comes
                word = transport.encode()
                # Until it is attached, what the container says is for its log alone.
                while not select.select([attached.stdout], [], [], 0.5)[0]:
                    attached.stdin.write(word + b"\n")
                    attached.stdin.flush()
                self.expect(attached.stdout.fileno(), b"heard " + word)
                self.expect(attached.stderr.fileno(), b"oops " + word)
                attached.kill()
        self.assertIn("heard SPDY", self.kubectl("logs", "talker").stdout)
        self.assertNotIn("end of input", self.kubectl("logs", "talker").stdout)
        # With stdinOnce the first one who is attached and goes is the last.
        self.streaming("WebSocket", "attach", "-i", "once", input=b"only word\n")
        self.eventually("an end", lambda: get(self.cluster, "pod", "once")["status"]["phase"] == "Succeeded")
        self.assertEqual(self.kubectl("logs", "once").stdout, "only word\nend of input\n")

    def test_05_run_with_a_terminal_and_remove(self):
        pid, fd = self.terminal("WebSocket", 24, 80, "run", "passing", "-it", "--rm", "--restart=Never",
                                f"--image={BUSYBOX}", "--", "sh")
        self.expect(fd, rb"#", 60)
        os.write(fd, b"echo $((6 * 7)) is it\n")
        self.expect(fd, rb"42 is it")
        os.write(fd, b"exit\n")
        self.expect(fd, rb"pod \"passing\" deleted", 60)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)

    @contextlib.contextmanager
    def forwarding(self, transport, pod, port):
        """The local port of a kubectl port-forward."""
        with self.starting(transport, "port-forward", f"pod/{pod}", f":{port}", stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True) as forward:
            try:
                line = forward.stdout.readline()
                self.assertRegex(line, r"Forwarding from 127.0.0.1:\d+")
                yield int(re.search(r":(\d+) ->", line).group(1)), forward
            finally:
                forward.kill()

    @staticmethod
    def ask(port, request):
        """Sends everything and reads to the end."""
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(request)
            answer = b""
            while data := connection.recv(65536):
                answer += data
            return answer

    def test_06_many_connections_are_forwarded(self):
        for transport in TRANSPORTS:
            with self.subTest(transport):
                with self.forwarding(transport, "web", 8080) as (port, _), \
                     concurrent.futures.ThreadPoolExecutor(10) as pool:
                    answers = pool.map(lambda _: self.ask(port, b"GET / HTTP/1.0\r\n\r\n"), range(60))
                    self.assertEqual({answer.rsplit(b"\n", 2)[-2] for answer in answers}, {b"web"})
                with self.forwarding(transport, "web", 7000) as (port, _), \
                     concurrent.futures.ThreadPoolExecutor(4) as pool:
                    data = [os.urandom(1 << 20) for _ in range(8)]
                    sums = list(pool.map(lambda d: self.ask(port, d).split()[0].decode(), data))
                    self.assertEqual(sums, [hashlib.md5(d).hexdigest() for d in data])
                # A port on which nobody listens ends that connection, with a word about it.
                with self.forwarding(transport, "web", 9) as (port, forward):
                    with contextlib.suppress(ConnectionResetError):
                        self.assertEqual(self.ask(port, b"x"), b"")
                    self.assertIn("error", forward.stderr.readline().lower())

    def test_07_copies_are_the_same_in_both_directions(self):
        here = self.cluster.folder / "copy"
        block, total = os.urandom(1 << 20), hashlib.md5()
        with open(here, "wb") as out:
            for i in range(COPY_MB):
                piece = i.to_bytes(4, "big") + block[4:]
                total.update(piece)
                out.write(piece)
        for transport in TRANSPORTS:
            with self.subTest(transport):
                start = time.monotonic()
                result = self.streaming(transport, "cp", str(here), "box:/tmp/copy")
                self.assertEqual(result.returncode, 0, result.stderr)
                up = time.monotonic() - start
                self.assertIn(total.hexdigest(), self.in_box("md5sum /tmp/copy"))
                back = self.cluster.folder / "back"
                start = time.monotonic()
                result = self.streaming(transport, "cp", "box:/tmp/copy", str(back))
                self.assertEqual(result.returncode, 0, result.stderr)
                down = time.monotonic() - start
                with open(back, "rb") as copied:
                    self.assertEqual(hashlib.file_digest(copied, "md5").hexdigest(), total.hexdigest())
                print(f"{COPY_MB} MB by {transport}: {up:.1f} s there, {down:.1f} s back")
                back.unlink()
                self.in_box("rm /tmp/copy")
        here.unlink()


    def logs(self, *flags):
        return self.kubectl("logs", "logger", *flags).stdout

    def test_08_logs_heed_every_flag(self):
        self.eventually("the second life", lambda: self.logs("-c", "app").startswith("tick 1\n"), 60)
        self.eventually("ten lines", lambda: "tick 10\n" in self.logs("-c", "app"))
        self.assertEqual(self.logs("-c", "app", "--previous"), "first life\n")
        self.assertRegex(self.logs("-c", "app", "--tail=2"), r"^tick \d+\ntick \d+\n$")
        self.assertEqual(self.logs("-c", "app", "--tail=0"), "")
        self.assertEqual(self.logs("-c", "app", "--limit-bytes=10"), "tick 1\ntic")
        stamped = self.logs("-c", "app", "--timestamps").splitlines()
        for line in stamped:
            self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d) tick \d+$")
        # A time travels in whole seconds.
        second = stamped[5][:19]
        first = next(line for line in stamped if line[:19] == second).split(" ", 1)[1]
        self.assertTrue(self.logs("-c", "app", f"--since-time={second}Z").startswith(first + "\n"))
        self.eventually("an old line", lambda: not self.logs("-c", "app", "--since=1s").startswith("tick 1\n"))
        self.assertRegex(self.logs("-c", "app", "--since=2s", "--tail=1"), r"^tick \d+\n$")
        every = self.logs("--all-containers", "--prefix", "--tail=2").splitlines()
        self.assertIn("[pod/logger/side] to stdout", every)
        self.assertIn("[pod/logger/side] to stderr", every)
        self.assertTrue(any(re.match(r"\[pod/logger/app\] tick \d+", line) for line in every), every)
        refused = self.kubectl("logs", "logger", check=False)
        self.assertEqual(refused.returncode, 0)  # the first container, and a word about it
        self.assertIn("Defaulted container", refused.stderr)
        refused = self.kubectl("logs", "logger", "-c", "nobody", check=False)
        self.assertIn("container nobody is not valid for pod logger", refused.stderr)
        refused = self.kubectl("logs", "logger", "-c", "side", "--previous", check=False)
        self.assertIn('previous terminated container "side" in pod "logger" not found', refused.stderr)

    def test_09_logs_are_followed_to_their_end(self):
        with self.starting("WebSocket", "logs", "-f", "logger", "-c", "app", "--tail=1", stdout=subprocess.PIPE,
                           text=True) as follow:
            numbers = [int(follow.stdout.readline().split()[1]) for _ in range(8)]
            follow.kill()
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + 8)))
        self.kubectl("run", "ending", "--restart=Never", f"--image={BUSYBOX}", "--command", "--", "sh", "-c",
                     "for i in 1 2 3 4 5; do echo $i; sleep 0.3; done; echo -n bye")
        self.kubectl("wait", "--for=condition=Ready", "pod/ending", "--timeout=60s", check=False)
        self.assertEqual(self.kubectl("logs", "-f", "ending").stdout, "1\n2\n3\n4\n5\nbye")
        # Several containers and Pods at once, until somebody stops it.
        self.kubectl("label", "pods", "logger", "ending", "told=yes")
        with self.starting("WebSocket", "logs", "-f", "-l", "told=yes", "--all-containers", "--prefix",
                           "--tail=-1", "--max-log-requests=9", stdout=subprocess.PIPE, text=True) as follow:
            wanted = {"[pod/logger/side] to stderr", "[pod/ending/ending] 5", "[pod/logger/app] tick 3"}
            while wanted:
                wanted.discard(follow.stdout.readline().strip())
            follow.kill()

        # And by WebSocket.
        path = "/api/v1/namespaces/default/pods/ending/log"
        for protocol, encoded in (("binary.k8s.io", b"1\n2\n3\n4\n5\nbye"), ("base64.binary.k8s.io", None)):
            with self.own(path, protocol) as web:
                self.assertEqual(web.protocol, protocol)
                self.assertEqual(web.receive()[1], b"")
                kind, said = web.receive()
                self.assertEqual(kind, BINARY if encoded else TEXT)
                self.assertEqual(encoded or base64.b64encode(b"1\n2\n3\n4\n5\nbye"), said)
                self.assertEqual(web.receive()[0], CLOSE)
        with self.own("/api/v1/namespaces/default/pods/logger/log?follow=true&container=app&tailLines=1",
                      "binary.k8s.io") as web:
            web.send(PING, b"still there")
            seen = set()
            while seen != {BINARY, PONG}:
                seen.add(web.receive()[0])
            web.send(CLOSE, struct.pack(">H", 1000))
            while web.receive()[0] != CLOSE:
                pass
        with self.assertRaises(Refused) as refused:
            self.own("/api/v1/namespaces/default/pods/nobody/log", "binary.k8s.io")
        self.assertEqual(refused.exception.code, 404)

    def test_10_channels_of_the_fifth_version(self):
        everything = {"stdin": True, "stdout": True, "stderr": True}
        path = self.exec_path("box", "sh", "-c", "cat; echo err >&2; exit 3", **everything)
        with self.own(path) as web:
            self.assertEqual(web.protocol, "v5.channel.k8s.io")
            self.assertEqual(web.receive(), (BINARY, b"\1"))  # it is connected
            web.send(PING, b"are you there")
            self.assertEqual(web.receive(), (PONG, b"are you there"))
            web.send(BINARY, b"\0one ", fin=False)
            web.send(PING, b"")
            web.send(0, b"message", fin=True)
            web.send(TEXT, b"\0 and text")
            web.put(9, b"nobody listens here")
            web.put(255, b"\0")
            web.put(0, b"too late")
            said = web.channels()
            self.assertEqual((said[1], said[2]), (b"one message and text", b"err\n"))
            status = json.loads(said[3])
            self.assertEqual((status["status"], status["reason"]), ("Failure", "NonZeroExitCode"))
            self.assertEqual(status["details"]["causes"], [{"reason": "ExitCode", "message": "3"}])
            self.assertEqual(web.closed_with, 1000)
        with self.own(self.exec_path("box", "true", stdout=True)) as web:
            self.assertEqual(json.loads(web.channels()[3]), {"metadata": {}, "status": "Success"})
        with self.own(self.exec_path("box", "cat", **everything)) as web:
            web.put(0, b"x")
            web.send(CLOSE, struct.pack(">H", 1000))
            web.channels()
            self.assertEqual(web.closed_with, 1000)
        # What goes wrong behind is told on the error channel.
        with self.own(self.exec_path("box", "/no/such/program", stdout=True)) as web:
            status = json.loads(web.channels()[3])
            self.assertEqual(status["status"], "Failure")
            self.assertIn("no such file", status["message"])

    def test_11_the_older_versions_pass_through(self):
        with self.own(self.exec_path("box", "sh", "-c", "head -c 3; exit 4", stdin=True, stdout=True),
                      "v4.channel.k8s.io") as web:
            self.assertEqual(web.protocol, "v4.channel.k8s.io")
            web.put(0, b"abc")
            said = web.channels()
            self.assertEqual(said[1], b"abc")
            self.assertEqual(json.loads(said[3])["details"]["causes"][0]["message"], "4")
        with self.own(self.exec_path("box", "echo", "hi", stdout=True), "base64.channel.k8s.io") as web:
            self.assertEqual(web.channels()[ord("1")], b"aGkK")
        with self.own("/api/v1/namespaces/default/pods/web/portforward?ports=8080", "v4.channel.k8s.io") as web:
            for channel in (0, 1):  # each begins with its port
                self.assertEqual(web.receive(), (BINARY, bytes([channel]) + struct.pack("<H", 8080)))
            web.put(0, b"GET / HTTP/1.0\r\n\r\n")
            said = b""
            while b"\nweb\n" not in said:
                channel, data = (lambda frame: (frame[1][0], frame[1][1:]))(web.receive())
                self.assertEqual(channel, 0, data)
                said += data

    def test_12_what_breaks_the_protocol_is_refused(self):
        path = self.exec_path("box", "cat", stdin=True, stdout=True)
        broken = {
            "unmasked": (WebSocket.frame(BINARY, b"\0x", masked=False), 1002),
            "a reserved bit": (WebSocket.frame(BINARY | 0x40, b"\0x"), 1002),
            "no such opcode": (WebSocket.frame(3, b"\0x"), 1002),
            "continues nothing": (WebSocket.frame(0, b"\0x"), 1002),
            "a long ping": (WebSocket.frame(PING, b"x" * 126), 1002),
            "a huge message": (b"\x82\xff" + struct.pack(">Q", 1 << 40) + b"mask", 1009),
            "closes two channels": (WebSocket.frame(BINARY, b"\xff\0\1"), 1002),
            "closes no channel": (WebSocket.frame(BINARY, b"\xff\x07"), 1002),
        }
        for what, (frame, code) in broken.items():
            with self.subTest(what), self.own(path) as web:
                web.socket.sendall(frame)
                web.channels()
                self.assertEqual(web.closed_with, code)
        with self.own("/api/v1/namespaces/default/pods/web/portforward", "SPDY/3.1+portforward.k8s.io") as web:
            self.assertEqual(web.protocol.lower(), "spdy/3.1+portforward.k8s.io")
            web.send(TEXT, b"no bytes")
            web.channels()
            self.assertEqual(web.closed_with, 1003)
        for header, value in (("Sec-WebSocket-Version", "8"), ("Sec-WebSocket-Key", "short")):
            with self.subTest(header), self.assertRaises(Refused) as refused:
                self.own(path, headers={header: value})
            self.assertEqual(refused.exception.code, 400)

    def test_13_who_may_not_is_told_before_the_upgrade(self):
        self.kubectl("create", "serviceaccount", "reader")
        self.kubectl("create", "role", "reader", "--verb=get", "--resource=pods,pods/exec,pods/portforward")
        self.kubectl("create", "rolebinding", "reader", "--role=reader", "--serviceaccount=default:reader")
        token = self.kubectl("create", "token", "reader").stdout.strip()
        path = self.exec_path("box", "true", stdout=True)
        ports = "/api/v1/namespaces/default/pods/web/portforward"
        for what, protocol in ((path, "v5.channel.k8s.io"), (path, "v4.channel.k8s.io"),
                               (ports, "SPDY/3.1+portforward.k8s.io")):
            with self.subTest(protocol), self.assertRaises(Refused) as refused:
                self.own(what, protocol, token=token)
            status = json.loads(refused.exception.body)
            self.assertEqual((refused.exception.code, status["kind"], status["reason"]), (403, "Status", "Forbidden"))
            self.assertIn('cannot create resource "pods/', status["message"])
        # With the verb it may.
        self.kubectl("create", "role", "runner", "--verb=get,create", "--resource=pods/exec")
        self.kubectl("create", "rolebinding", "runner", "--role=runner", "--serviceaccount=default:reader")
        with self.own(path, token=token) as web:
            self.assertIn(b"Success", web.channels()[3])
        for pod, container, code in (("nobody", "app", 404), ("box", "nobody", 400)):
            with self.assertRaises(Refused) as refused:
                self.own(self.exec_path(pod, "true", container=container, stdout=True))
            self.assertEqual(refused.exception.code, code)
            self.assertEqual(json.loads(refused.exception.body)["kind"], "Status")

    def daemons(self):
        """The host's pids of those whose descriptors and threads are counted, on the first node."""
        node = self.cluster.nodes[0]
        containerd = run("pgrep", "-f", f"^containerd --config {node.folder}/").stdout.split()
        return {"control plane": self.cluster.apiserver.pid(), "berthd": node.berthd_pid(),
                "containerd": int(containerd[0])}

    def open_things(self):
        counts = {}
        for name, pid in self.daemons().items():
            process = pathlib.Path(f"/proc/{pid}")
            counts[name, "descriptors"] = len(os.listdir(process / "fd"))
            if name != "containerd":  # Go keeps its threads
                counts[name, "threads"] = len(os.listdir(process / "task"))
        words = run("nsenter", "-t", str(self.cluster.nodes[0].init_pid()), "-m", "-p", "ps", "-eo", "comm=").stdout
        for command in ("cat", "yes", "md5sum", "httpd"):
            counts[command, "processes"] = words.split().count(command)
        return counts

    def test_14_a_killed_client_leaves_nothing_behind(self):
        scenes = {
            "a reader of input": (["exec", "-i", "box", "--", "cat"], b"x"),
            # What heeds the end of its input goes; anything else is left running, as by any kubelet.
            "endless output": (["exec", "-i", "box", "--", "sh", "-c", "yes & cat; kill $!; wait"], b"y\n"),
            "a terminal": (["exec", "-i", "--tty=false", "box", "--", "cat"], b"x"),
            "attached": (["attach", "-i", "talker"], None),
            "a followed log": (["logs", "-f", "logger", "-c", "app"], b"tick"),
        }

        def play(transport):
            with contextlib.ExitStack() as stack:
                for arguments, answer in scenes.values():
                    child = stack.enter_context(self.starting(
                        transport, *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL))
                    stack.callback(child.kill)
                    if answer == b"x":
                        child.stdin.write(b"x" * 100)
                        child.stdin.flush()
                    if answer:
                        self.assertIn(answer, os.read(child.stdout.fileno(), 4096))
                port, forward = stack.enter_context(self.forwarding(transport, "web", 7000))
                for _ in range(3):
                    half = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                    half.sendall(b"half of it")
                forward.kill()

        play("WebSocket")  # connections that are kept, threads of pools
        play("SPDY")
        time.sleep(12)
        before = self.open_things()
        for transport in TRANSPORTS:
            for _ in range(2):
                play(transport)

        def settled():
            now = self.open_things()
            return all(now[key] <= before[key] for key in before)
        try:
            self.eventually("everything as before", settled, 60)
        finally:
            print("before:", before, "after:", self.open_things(), sep="\n  ")

    def memory(self):
        """Resident megabytes of our two daemons."""
        out = {}
        for name in ("control plane", "berthd"):
            status = pathlib.Path(f"/proc/{self.daemons()[name]}/status").read_text()
            out[name] = int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) >> 10
        return out

    def test_15_who_does_not_read_costs_no_memory(self):
        before = self.memory()
        zeros = self.exec_path("box", "cat", "/dev/zero", stdout=True)
        log = "/api/v1/namespaces/default/pods/chatter/log"
        self.kubectl("run", "chatter", "--restart=Never", f"--image={BUSYBOX}", "--command", "--", "sh", "-c",
                     "yes 'a line of a long log, of which there are very many' | head -n 2000000")
        self.eventually("a long log", lambda: get(self.cluster, "pod", "chatter")["status"]["phase"] == "Succeeded", 120)
        with contextlib.ExitStack() as stack:
            readers = [stack.enter_context(self.own(zeros, protocol))
                       for protocol in ("v5.channel.k8s.io", "v4.channel.k8s.io") for _ in range(2)]
            for _ in range(3):
                asked = stack.enter_context(self.api.connect())
                asked.sendall(f"GET {log} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            # And one who sends to somebody who does not read.
            sender = stack.enter_context(self.own(self.exec_path("box", "sleep", "1000000", stdin=True, stdout=True)))
            sender.socket.settimeout(5)
            with contextlib.suppress(TimeoutError):
                for _ in range(128):
                    sender.put(0, bytes(1 << 20))
                self.fail("128 MB went to a process that reads nothing")
            time.sleep(3)
            during = self.memory()
            print("MB before:", before, "with readers that do not read:", during)
            for name, megabytes in during.items():
                self.assertLess(megabytes - before[name], 48, name)
            # It goes on where it stopped.
            for reader in readers:
                for _ in range(200):
                    self.assertEqual(set(reader.receive()[1][1:]) - {0}, set())


if __name__ == "__main__":
    harness.main()
