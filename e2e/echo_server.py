# SPDX-License-Identifier: Apache-2.0
"""Runs in Pods of the e2e tests: who am I, over TCP (HTTP/1.1 with kept connections) and UDP.

GET / answers "NAME VERSION"; GET /ready is 503 while /tmp/unready exists; a datagram is answered with
"NAME VERSION datagram". Ends at once at SIGTERM, cutting what is open: whoever lost nothing was
drained before.
"""

import asyncio
import os
import signal
import socket

NAME = f"{socket.gethostname()} {os.environ.get('VERSION', '-')}"


async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ")[1]
            unready = path == b"/ready" and os.path.exists("/tmp/unready")
            status = b"503 Service Unavailable" if unready else b"200 OK"
            body = NAME.encode()
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
            if b"connection: close" in head.lower():
                break
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.transport.sendto(NAME.encode() + b" " + data, address)


async def main():
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, os._exit, 0)
    await asyncio.start_server(serve, "0.0.0.0", 8080, backlog=512)
    await loop.create_datagram_endpoint(Echo, local_addr=("0.0.0.0", 8080))
    await asyncio.Event().wait()


asyncio.run(main())
