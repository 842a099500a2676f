"""No POST is lost when a connection ends: clients of Go's net/http, which never send one again,
behind a link with a delay, where connections come of age and where their server is ended."""

import json
import subprocess
import time

import pytest

LEAST_REQUESTS = 1500
ROUND_TRIPS = pytest.mark.parametrize("rtt", ["2ms", "40ms"])


@pytest.fixture(scope="session")
def go_clients(repo, tmp_path_factory):
    """Starts the clients in the background: go_clients([server, …], clients=200, rtt="40ms")."""
    program = tmp_path_factory.mktemp("go") / "go_clients"
    source = repo / "tests" / "e2e" / "go_clients" / "main.go"
    subprocess.run(["go", "build", "-o", program, source], check=True)

    def start(servers, **flags):
        addresses = ",".join("{}:{}".format(*server.address) for server in servers)
        argv = [program, "-servers", addresses]
        for name, value in flags.items():
            argv += [f"-{name}", str(value)]
        return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    return start


def result_of(clients):
    out, _ = clients.communicate(timeout=90)
    assert clients.returncode == 0
    print(out)
    return json.loads(out)


@ROUND_TRIPS
def test_no_request_is_lost_when_connections_come_of_age(start_server, go_clients, rtt):
    server = start_server("--max-connection-age", "3s", "--threads", 2)
    counted = result_of(go_clients([server], clients=200, rtt=rtt, seconds=13))
    assert (counted["lost"], counted["reasons"]) == (0, {})
    assert counted["answered"] >= LEAST_REQUESTS
    code, log = server.terminate()
    assert code == 0
    assert f"every request was answered, {counted['answered']} in all" in log.decode()


@pytest.mark.parametrize(
    ("rtt", "leaves"),
    [("2ms", "before"), ("2ms", "with"), ("40ms", "before"), ("40ms", "with"), ("40ms", "after")],
)
def test_no_request_is_lost_when_a_server_is_ended(start_server, go_clients, rtt, leaves):
    """Clients that come anew are sent to a second server: from before the signal, from when the
    first one refuses them, or from a while after it. The first one waits for them with a delay."""
    flags = ["--drain-delay", "1s"] if leaves == "after" else []
    first = start_server("--threads", 2, *flags)
    second = start_server("--threads", 2)
    clients = go_clients([first, second], clients=300, rtt=rtt, seconds=10)
    time.sleep(4)
    if leaves == "before":
        clients.stdin.write("\n")
        clients.stdin.flush()
    first.process.terminate()
    if leaves == "after":
        time.sleep(0.5)
        clients.stdin.write("\n")
        clients.stdin.flush()
    counted = result_of(clients)
    assert (counted["lost"], counted["reasons"]) == (0, {})
    assert counted["answered"] >= LEAST_REQUESTS
    logs = [server.terminate()[1].decode() for server in (first, second)]
    assert all("every request was answered" in log for log in logs), logs


def test_what_comes_too_late_is_counted(start_server, go_clients):
    """A drain that waits for nobody loses what is on its way, and says so."""
    first = start_server("--threads", 2, "--drain-idle-timeout", "0s")
    second = start_server("--threads", 2)
    clients = go_clients(
        [first, second], clients=300, rtt="400ms", seconds=8,
        **{"least-wait": "1200ms", "most-wait": "2s"},
    )  # fmt: skip
    time.sleep(4)
    code, log = first.terminate()
    counted = result_of(clients)
    assert code == 0
    assert counted["lost"] > 0
    assert f"{counted['lost']} arrived after their connection was closed" in log.decode()
