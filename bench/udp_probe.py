#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Ends of the packets by which bench/pod_start.py sees when a Service leads elsewhere.

udp_probe.py serve ADDRESS PORT NAME   answers every datagram with NAME
udp_probe.py ask ADDRESS PORT SECONDS  asks again and again, from each port once: a port that is used
                                       again would follow its old flow; prints the monotonic time
                                       at which an answer came from another NAME
"""

import socket
import sys
import time


def serve(address, port, name):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, int(port)))
        while True:
            server.sendto(name.encode(), server.recvfrom(64)[1])


def ask(address, port, seconds):
    last, end, source = None, time.monotonic() + float(seconds), 10000
    while time.monotonic() < end and source < 65535:
        source += 1
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            try:
                client.bind(("", source))
            except OSError:
                continue
            client.settimeout(0.05)
            sent = time.monotonic()
            client.sendto(b"?", (address, int(port)))
            try:
                name = client.recv(64).decode()
            except (TimeoutError, ConnectionRefusedError):
                continue
        if name != last:
            print(name, sent, flush=True)
            last = name
        time.sleep(0.0005)


if __name__ == "__main__":
    {"serve": serve, "ask": ask}[sys.argv[1]](*sys.argv[2:])
