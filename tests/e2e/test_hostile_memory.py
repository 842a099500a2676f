"""Clients that make a server hold memory: it stays within its control group's limit, serves others
meanwhile, and gives back what it needed."""

import concurrent.futures
import contextlib
import re
import resource
import socket
import time

import pytest
import requests

BODY = '{"instances":[[5.1,3.5,1.4,0.2]]}'
MIB = 1 << 20
HEADS = 14_700
ROWS = 100_000


def metric(server, pattern):
    page = requests.get(f"{server.admin_url}/metrics", timeout=20).text
    return int(re.search(pattern, page).group(1))


def resident_bytes(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1)) << 10


@pytest.fixture
def many_descriptors():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(before[0], HEADS + 2000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, before[1])))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def unfinished_head(address, i):
    client = socket.socket()
    client.settimeout(20)
    client.bind((f"127.0.0.{2 + i % 200}", 0))
    client.connect(address)
    with contextlib.suppress(OSError):
        client.sendall(b"POST /predict HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 1000)
    return client


@pytest.mark.parametrize("flags", [(), ("--max-connections", 14_000)], ids=["default", "many"])
def test_heads_that_do_not_end_give_way(in_memory_group, many_descriptors, start_server, flags):
    """By the default that follows from the limit, and where there may be so many connections."""
    server = start_server(
        "--threads", 2, "--read-timeout", "60s", *flags, preexec_fn=in_memory_group(64 * MIB)
    )
    with contextlib.ExitStack() as stack:
        for i in range(HEADS):
            stack.enter_context(unfinished_head(server.address, i))
            if i % 1000 == 999:
                answer = requests.post(f"{server.url}/predict", data=BODY, timeout=20)
                assert answer.status_code == 200, answer.text
        assert server.process.poll() is None
        assert metric(server, r'iris_connections_closed_total{reason="shed"} (\d+)') > 0
        refused = metric(server, r'iris_rejections_total{reason="connections"} (\d+)')
        refused += metric(server, r'iris_rejections_total{reason="memory"} (\d+)')
        assert refused > 0


def v2(server):
    numbers = ",".join(["5.1,3.5,1.4,0.2"] * ROWS)
    tensor = f'{{"name":"input","shape":[{ROWS},4],"datatype":"FP32","data":[{numbers}]}}'
    return f"{server.url}/v2/models/model/infer", f'{{"inputs":[{tensor}]}}'.encode()


def chunked(server):
    body = f'{{"instances":[{",".join(["[5.1,3.5,1.4,0.2]"] * ROWS)}]}}'.encode().ljust(4_000_000)
    return f"{server.url}/predict", [body[i : i + 65536] for i in range(0, len(body), 65536)]


@pytest.mark.parametrize("shape", [v2, chunked], ids=lambda shape: shape.__name__)
def test_the_memory_of_large_bodies_goes_back(start_server, shape):
    server = start_server("--threads", 2, "--max-queueing-time", "0s")
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(requests.Session()) for _ in range(12)]

        def send(session):
            url, body = shape(server)
            left, deadline = 5, time.monotonic() + 120
            while left > 0 and time.monotonic() < deadline:
                data = iter(body) if isinstance(body, list) else body
                # All twelve at once are more than --max-held: who is refused tries again, and may
                # see no more of the refusal than a reset.
                with contextlib.suppress(requests.ConnectionError):
                    status = session.post(url, data=data, timeout=60).status_code
                    assert status in (200, 429)
                    left -= status == 200
            assert left == 0

        before = resident_bytes(server)
        with concurrent.futures.ThreadPoolExecutor(len(sessions)) as pool:
            list(pool.map(send, sessions))
        # The connections are open still.
        deadline = time.monotonic() + 20
        while resident_bytes(server) > before + 16 * MIB and time.monotonic() < deadline:
            time.sleep(0.2)
        grown = resident_bytes(server) - before
    assert grown <= 16 * MIB, f"{grown / MIB:.1f} MiB stay"
