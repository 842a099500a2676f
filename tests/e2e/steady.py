"""A well-behaved client in a process of its own: one connection, a request every 2 ms, each answer
looked at. Prints what it saw as JSON.

    python steady.py HOST PORT SECONDS BODY [ANSWER …]     # the answers that are right; none: any 200
"""

import json
import socket
import subprocess
import sys
import time

PERIOD_S = 0.002
PATIENCE_S = 10


def percentile(values, share):
    return sorted(values)[min(int(share * len(values)), len(values) - 1)] if values else 0.0


class Connection:
    """Asks again and again; a connection that the server ended between two answers is opened anew,
    as every HTTP client does."""

    def __init__(self, host, port):
        self.address = (host, port)
        self.socket = None

    def ask(self, request):
        if self.socket is None:
            self.socket = socket.create_connection(self.address, timeout=PATIENCE_S)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self.receive()
        head, _, body = received.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += self.receive()
        if b"\r\nconnection: close" in head.lower():
            self.close()
        return int(head.split(b" ")[1]), body.decode()

    def receive(self):
        some = self.socket.recv(65536)
        if not some:
            raise ConnectionError("the server ended the connection before its answer")
        return some

    def close(self):
        if self.socket is not None:
            self.socket.close()
        self.socket = None


def watch(host, port, seconds, body, answers):
    request = (
        f"POST /predict HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
    connection = Connection(host, port)
    took_s, failures, seen = [], [], {}
    start = time.monotonic()
    due = start
    while due < start + seconds:
        time.sleep(max(0.0, due - time.monotonic()))
        began = time.monotonic()
        try:
            status, answer = connection.ask(request)
            if status != 200 or (answers and answer not in answers):
                failures.append(f"{status} {answer}")
            seen[answer] = seen.get(answer, 0) + 1
        except OSError as error:
            failures.append(repr(error))
            connection.close()
        took_s.append(time.monotonic() - began)
        # Late requests are not made up for: the latency of each is its own.
        due = max(due + PERIOD_S, time.monotonic())
    connection.close()
    return {
        "asked": len(took_s),
        "failures": failures[:20],
        "p50_s": percentile(took_s, 0.5),
        "p99_s": percentile(took_s, 0.99),
        "max_s": max(took_s),
        "seen": [seen.get(answer, 0) for answer in answers],
    }


class Steady:
    """The client as a child process: Steady(address, 3, body).result()."""

    def __init__(self, address, seconds, body, answers=()):
        argv = [sys.executable, __file__, *map(str, (*address, seconds, body)), *answers]
        self.seconds = seconds
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE)

    def result(self):
        out, _ = self.process.communicate(timeout=self.seconds + 3 * PATIENCE_S)
        assert self.process.returncode == 0
        return json.loads(out)


if __name__ == "__main__":
    HOST, PORT, SECONDS, BODY, *ANSWERS = sys.argv[1:]
    print(json.dumps(watch(HOST, int(PORT), float(SECONDS), BODY, ANSWERS)))
