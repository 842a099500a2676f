"""A server whose latencies are known, in the place of a replica of `iris scale` (--serve-program).

    known_server.py FIGURES.json EVERY SLOW_S FREEZE_FROM_S FREEZE_S serve ...

It answers after BASE_S, every EVERY-th request after SLOW_S, and nothing that arrives while it is
frozen before the end of that. At SIGTERM it writes how long it kept each request of the probe, whose
body is the shorter one, and how many it answered in all.
"""

import asyncio
import json
import signal
import socket
import sys
import time

BASE_S = 0.003
PROBE_BODY = 50  # bytes; wrk's three rows are longer
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    def __init__(self, every, slow_s, freeze_from_s, freeze_s):
        self.every, self.slow_s = every, slow_s
        self.freeze_from_s, self.freeze_s = freeze_from_s, freeze_s
        self.began = None
        self.received = 0
        self.answered = 0
        self.connections = 0
        self.kept_s = []

    def delay(self):
        now = time.monotonic()
        # The first request is a look at what the load sends, the second begins the load.
        self.received += 1
        if self.received == 2:
            self.began = now
        if self.every and self.received % self.every == 0:
            return self.slow_s
        since = now - self.began if self.began else 0
        if self.freeze_from_s <= since < self.freeze_from_s + self.freeze_s:
            return self.freeze_from_s + self.freeze_s - since
        return BASE_S

    async def serve(self, reader, writer):
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                size = 0
                for line in head.lower().split(b"\r\n"):
                    if line.startswith(b"content-length:"):
                        size = int(line.split(b":")[1])
                await reader.readexactly(size)
                delay = self.delay()
                await asyncio.sleep(delay)
                writer.write(ANSWER)
                self.answered += 1
                if size <= PROBE_BODY:
                    self.kept_s.append(delay)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.connections -= 1
            writer.close()

    async def administer(self, reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                body = b"{}"
                if b"/metrics" in head.split(b"\r\n")[0]:
                    body = (
                        f"iris_requests_received_total {self.received}\n"
                        f'iris_responses_total{{route="predict",code="200"}} {self.answered}\n'
                        f"iris_connections {self.connections}\n"
                        f"process_cpu_seconds_total {time.process_time()}\n"
                        "process_resident_memory_bytes 1000000\n"
                    ).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def main():
    figures, every, slow_s, freeze_from_s, freeze_s = sys.argv[1:6]
    server = Server(int(every), float(slow_s), float(freeze_from_s), float(freeze_s))
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    listeners = [socket.socket(fileno=fd) for fd in (3, 4)]
    await asyncio.start_server(server.serve, sock=listeners[0], backlog=1024)
    await asyncio.start_server(server.administer, sock=listeners[1])
    await end.wait()
    with open(figures, "w", encoding="ascii") as file:
        json.dump({"kept_s": server.kept_s, "answered": server.answered}, file)


asyncio.run(main())
