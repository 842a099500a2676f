"""Where the API server's connections into the cluster go: to loopback, and nowhere else.

kube-apiserver sends what it opens to nodes, pods and services through a proxy that its egress selector
names (HTTP CONNECT on a Unix socket). This one sends an address of a pod to the process that plays the
pod, and refuses what is not on this machine: no packet leaves it.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

Address = tuple[str, int]

CONFIGURATION = """apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
  - name: cluster
    connection:
      proxyProtocol: HTTPConnect
      transport:
        uds:
          udsName: {socket}
"""


def join(one: socket.socket, other: socket.socket) -> None:
    """Carries bytes both ways until both have ended."""
    peers = {one: other, other: one}
    with selectors.DefaultSelector() as ready:
        for each in peers:
            ready.register(each, selectors.EVENT_READ)
        while ready.get_map():
            for key, _ in ready.select():
                source, target = key.fileobj, peers[key.fileobj]
                try:
                    data = source.recv(65536)
                    target.sendall(data)
                except OSError:
                    return
                if not data:
                    ready.unregister(source)
                    with contextlib.suppress(OSError):
                        target.shutdown(socket.SHUT_WR)


class Proxy:
    """Answers CONNECT; `route` says where an address really is, None for nowhere."""

    def __init__(self, path: Path, route: Callable[[str, int], Address | None]) -> None:
        outer = self
        self.route = route
        self.refused: list[str] = []

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                words = self.rfile.readline(4096).decode(errors="replace").split()
                while self.rfile.readline(4096).strip():
                    pass
                host, _, port = (words[1] if len(words) > 1 else "").rpartition(":")
                outer.carry(self.connection, host.strip("[]"), int(port or 0))

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True
            request_queue_size = 128

        self.server = Server(str(path), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.1,), daemon=True)
        self.thread.start()

    def carry(self, connection: socket.socket, host: str, port: int) -> None:
        address = self.route(host, port)
        if address is None:
            self.refused.append(f"{host}:{port}")
            connection.sendall(b"HTTP/1.1 502 No such address in this cluster\r\n\r\n")
            return
        try:
            with socket.create_connection(address, timeout=10) as upstream:
                upstream.settimeout(None)
                connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                join(connection, upstream)
        except OSError as error:
            with contextlib.suppress(OSError):
                connection.sendall(f"HTTP/1.1 502 {error}\r\n\r\n".encode())

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@contextlib.contextmanager
def proxy(path: Path, route: Callable[[str, int], Address | None]) -> Iterator[Proxy]:
    each = Proxy(path, route)
    try:
        yield each
    finally:
        each.close()
