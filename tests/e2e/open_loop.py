"""An open-loop client in one thread: requests go out on schedule, whatever becomes of those before.

    with OpenLoop(address, request, connections=500) as client:
        capacity = client.closed(seconds=2)
        figures = client.offer(rate=10 * capacity.good_per_s, seconds=3)

A connection carries one request at a time. What is due while all of them wait for answers is counted
as not sent: that is what a pool of clients does when a server holds it up.
"""

import select
import socket
import time
from collections import deque
from dataclasses import dataclass, field

BURST = 32  # sent at most before answers are looked at


@dataclass
class Figures:
    """What came of a load. Latencies in seconds, from the send to the whole answer."""

    seconds: float = 0
    offered: int = 0
    sent: int = 0
    not_sent: int = 0
    good: list = field(default_factory=list)
    refused: list = field(default_factory=list)  # 429
    wrong: list = field(default_factory=list)  # the answers themselves

    @property
    def good_per_s(self):
        return len(self.good) / self.seconds

    def p99_ms(self):
        assert len(self.good) >= 459, f"{len(self.good)} samples: a p99 is not supported"
        return sorted(self.good)[int(0.99 * len(self.good))] * 1e3

    def __str__(self):
        return (
            f"{self.offered / self.seconds:,.0f}/s offered, {self.not_sent / self.seconds:,.0f}/s of "
            f"them not sent, {self.good_per_s:,.0f}/s good with p99 {self.p99_ms():.2f} ms, "
            f"{len(self.refused) / self.seconds:,.0f}/s refused, {len(self.wrong)} wrong"
        )


class OpenLoop:
    """`good_end` ends the right answer; anything but that and a 429 is wrong."""

    def __init__(self, address, request, good_end, connections):
        self._request = request
        self._good_end = good_end
        self._sent_at = {}
        self._sockets = {}
        self._epoll = select.epoll()
        for _ in range(connections):
            connection = socket.create_connection(address, timeout=10)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setblocking(False)
            self._sockets[connection.fileno()] = connection
            self._epoll.register(connection, select.EPOLLIN)
        self._free = deque(self._sockets)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._epoll.close()
        for connection in self._sockets.values():
            connection.close()

    def closed(self, seconds):
        """As fast as the answers come, on every connection."""
        return self._run(seconds, lambda _elapsed, figures: figures.sent + len(self._free))

    def offer(self, rate, seconds):
        """`rate` requests a second, evenly."""
        return self._run(seconds, lambda elapsed, _figures: int(elapsed * rate))

    def _run(self, seconds, due_by):
        figures = Figures()
        start = time.perf_counter()
        while (elapsed := time.perf_counter() - start) < seconds:
            due = due_by(elapsed, figures) - figures.offered
            self._send(min(due, BURST), figures)
            if due > BURST and not self._free:  # nothing of it can be sent now
                figures.offered += due - BURST
                figures.not_sent += due - BURST
            self._receive(figures, 0 if due > 0 else 0.0002)
        figures.seconds = time.perf_counter() - start
        deadline = time.perf_counter() + 10
        while self._sent_at and time.perf_counter() < deadline:  # what is under way
            self._receive(figures, 0.01)
        assert not self._sent_at, f"{len(self._sent_at)} requests got no answer in 10 s"
        return figures

    def _send(self, count, figures):
        for _ in range(count):
            figures.offered += 1
            if not self._free:
                figures.not_sent += 1
                continue
            number = self._free.popleft()
            self._sent_at[number] = time.perf_counter()
            self._sockets[number].send(self._request)
            figures.sent += 1

    def _receive(self, figures, patience):
        for number, _events in self._epoll.poll(patience, 256):
            answer = self._sockets[number].recv(65536)
            latency = time.perf_counter() - self._sent_at.pop(number)
            if answer.startswith(b"HTTP/1.1 200") and answer.endswith(self._good_end):
                figures.good.append(latency)
            elif answer.startswith(b"HTTP/1.1 429") and b"\r\nRetry-After: " in answer:
                figures.refused.append(latency)
            else:
                figures.wrong.append(answer)
                assert answer, "the server closed a connection"
            self._free.append(number)
