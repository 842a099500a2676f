"""Rolling replacement under a thousand connections: a new server takes over the listening socket,
the old one gets SIGTERM, again and again, and no request fails by the client's count."""

import os
import re
import resource
import socket
import subprocess
import time

import pytest
import requests
from serving import LogReader, Server, read_urls
from wrk import Wrk

CONNECTIONS = 1000
REPLACEMENTS = 6


@pytest.fixture
def take_over(iris, model):
    """Starts a server on a socket that is there already, as systemd hands one over."""
    started = []

    def start(listener, *flags):
        argv = [iris, "serve", "--model", model, "--threads", 1, "--admin-port", 0, *flags]
        script = f'exec 3<&{listener.fileno()}; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"'
        process = subprocess.Popen(
            ["bash", "-c", script, "bash", *map(str, argv)],
            pass_fds=[listener.fileno()],
            stderr=subprocess.PIPE,
        )
        started.append(process)
        log = LogReader(process)
        server = Server(process, *read_urls(log), log)
        # It serves from the moment on when its admin port answers.
        assert requests.get(f"{server.admin_url}/health", timeout=10).status_code == 200
        return server

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def answered(log):
    """How many requests a server has answered, by its own account at its end."""
    found = re.search(r"every request was answered, (\d+) in all", log)
    return int(found.group(1)) if found else 0


def replace_again_and_again(take_over, tmp_path, *flags):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4 * CONNECTIONS)), hard))
    logs = []
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        url = "http://{}:{}".format(*listener.getsockname())
        server = take_over(listener, *flags)
        load = Wrk(tmp_path, url, CONNECTIONS, seconds=12)
        time.sleep(1)
        for _ in range(REPLACEMENTS):
            successor = take_over(listener, *flags)
            time.sleep(0.2)
            code, log = server.terminate()
            logs.append(log.decode())
            assert code == 0, logs[-1]
            server = successor
            time.sleep(0.3)
        assert load.process.poll() is None, "the load ended before the last replacement"
        counted = load.result()
        logs.append(server.terminate()[1].decode())
    return counted, logs


def test_no_request_fails_while_servers_are_replaced(take_over, tmp_path):
    counted, logs = replace_again_and_again(take_over, tmp_path)
    by_server = [answered(log) for log in logs]
    print(
        f"\n{REPLACEMENTS} replacements under {CONNECTIONS} connections: {counted['requests']} "
        f"requests, {counted['socket_errors']} socket errors, {counted['bad_status']} bad answers; "
        f"by server {by_server}"
    )
    assert counted["socket_errors"] == 0, counted["text"]
    assert counted["bad_status"] == 0, counted["text"]
    assert all("every request was answered" in log for log in logs), logs
    assert min(by_server) > 0
    # wrk does not count what is under way on each connection when its time is over.
    assert 0 <= sum(by_server) - counted["requests"] <= CONNECTIONS


def test_it_is_seen_when_servers_end_without_draining(take_over, tmp_path):
    counted, logs = replace_again_and_again(take_over, tmp_path, "--drain-timeout", "1ms")
    assert counted["socket_errors"] > 0, counted["text"]
    assert any("got no answer in time" in log for log in logs), logs
