"""How `iris serve` begins and ends: sockets handed over, a port in use, SIGTERM under load."""

import contextlib
import http.client
import json
import os
import pickle
import resource
import signal
import socket
import subprocess
import threading
import time

import pytest
import requests

BODY = json.dumps({"instances": [[5.1, 3.5, 1.4, 0.2]]})
HEADERS = {"Content-Type": "application/json"}


def test_sigterm_fails_readiness_and_answers_what_is_under_way(start_server):
    server = start_server()
    with server.connect() as partial, requests.Session() as admin:
        partial.sendall(
            b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n{" % len(BODY)
        )
        time.sleep(0.2)
        assert admin.get(f"{server.admin_url}/health", timeout=5).status_code == 200
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        draining = requests.get(f"{server.url}/health", timeout=5)
        assert (draining.status_code, draining.headers["Connection"]) == (503, "close")
        assert "Retry-After" in draining.headers
        # New connections are answered for as long as anything is.
        late = requests.post(f"{server.url}/predict", data=BODY, headers=HEADERS, timeout=5)
        assert (late.status_code, late.headers["Connection"]) == (200, "close")
        assert server.process.poll() is None
        partial.sendall(BODY[1:].encode())
        answer = partial.recv(65536)
        assert b"200 OK" in answer and b"Connection: close" in answer
        assert server.process.wait(timeout=5) == 0


def test_keep_alive_clients_in_full_flow_see_no_failure(start_server):
    server = start_server("--threads", 2)
    failures, answered = [], [0] * 8

    def client(index):
        with requests.Session() as session:
            while True:
                try:
                    answer = session.post(
                        f"{server.url}/predict", data=BODY, headers=HEADERS, timeout=10
                    )
                except requests.RequestException as error:
                    failures.append(repr(error))
                    return
                if answer.status_code != 200:
                    failures.append(answer.text)
                answered[index] += 1
                if answer.headers.get("Connection") == "close":
                    return

    threads = [threading.Thread(target=client, args=(i,)) for i in range(len(answered))]
    for thread in threads:
        thread.start()
    time.sleep(1)
    code, log = server.terminate()
    for thread in threads:
        thread.join()
    assert failures == []
    assert min(answered) > 10
    assert code == 0
    assert b"every request was answered" in log


def test_the_drain_has_a_deadline(start_server):
    server = start_server("--drain-timeout", "300ms")
    with server.connect() as stuck:
        stuck.sendall(b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
        time.sleep(0.2)
        code, log = server.terminate(timeout=5)
    assert code == 0
    assert b"1 requests got no answer in time" in log


def test_a_drain_waits_for_idle_connections_and_tells_them_with_an_answer(start_server):
    server = start_server("--drain-idle-timeout", "3s")
    with requests.Session() as idle, requests.Session() as silent:
        for session in (idle, silent):
            assert session.get(f"{server.url}/health", timeout=5).status_code == 200
        server.process.send_signal(signal.SIGTERM)
        time.sleep(1.5)
        last = idle.post(f"{server.url}/predict", data=BODY, headers=HEADERS, timeout=5)
        assert (last.status_code, last.headers["Connection"]) == (200, "close")
        assert server.process.poll() is None
        code, log = server.end()
    assert code == 0
    assert b"every request was answered, 3 in all" in log


def test_what_arrives_after_the_end_of_a_connection_is_counted_and_said(start_server):
    server = start_server("--idle-timeout", "200ms")
    with server.connect() as client:
        assert client.recv(100) == b"", "only its sending side ends"
        client.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(100) == b""
        deadline = time.monotonic() + 10
        while "iris_requests_late_total 1\n" not in metrics(server):
            assert time.monotonic() < deadline
    code, log = server.terminate()
    assert code == 0
    assert b"ended; 0 requests were answered; 1 arrived after their connection was closed" in log


def metrics(server):
    return requests.get(f"{server.admin_url}/metrics", timeout=5).text


def ask(url, method, path, body=None):
    """Status and head of an answer on a connection of its own, which ends with it."""
    connection = http.client.HTTPConnection(url.split("//")[1], timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path, body, HEADERS)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers


def test_readiness_fails_for_the_delay_while_all_is_served(start_server):
    server = start_server("--drain-delay", "3s")
    server.process.send_signal(signal.SIGTERM)
    server.log.wait_for(b"readiness fails from now on")
    began = time.monotonic()
    while time.monotonic() - began < 2:
        for url in (server.url, server.admin_url):
            assert ask(url, "GET", "/v2/health/ready")[0] == 503
            assert ask(url, "GET", "/v2/health/live")[0] == 200
        status, head = ask(server.url, "POST", "/predict", BODY)
        assert status == 200
        assert "Connection" not in head, "it is not told to go elsewhere yet"
    assert server.process.wait(timeout=10) == 0


def test_a_second_signal_ends_the_delay_at_once(start_server):
    server = start_server("--drain-delay", "60s")
    with server.connect() as partial:
        partial.sendall(b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        code, log = server.terminate(timeout=10)
    assert code == 0
    assert b"1 requests got no answer in time" in log


HEALTH = ("/health", "/v2/health/live", "/v2/health/ready")


def test_health_is_answered_beyond_the_limit_of_connections(start_server):
    """Each probe of a kubelet comes on a connection of its own."""
    server = start_server("--max-connections", 2, "--threads", 1)
    admin = server.admin_url.rsplit(":", 1)[1]
    limits = {server.address: 2, ("127.0.0.1", int(admin)): 64}
    for address, limit in limits.items():
        url = "http://{}:{}".format(*address)
        held = []
        # As many as the limit, then more that say nothing or only half of something.
        for i in range(limit + 150):
            held.append(socket.create_connection(address, timeout=10))
            if i >= limit and i % 2:
                held[-1].sendall(b"GET /health HTTP/1.1\r\n")
        for path in HEALTH:
            answer = requests.get(url + path, timeout=10)
            assert (answer.status_code, answer.headers["Connection"]) == (200, "close"), path
        other = requests.get(url + ("/v2" if limit == 2 else "/metrics"), timeout=10)
        assert (other.status_code, "Retry-After" in other.headers) == (429, True)
        # Those within the limit are served as ever.
        held[0].sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"200 OK" in held[0].recv(4096)
        for client in held:
            client.close()


def test_more_connections_than_descriptors_leave_room_for_health(start_server):
    """A limit that the process cannot have must not leave it without a descriptor for a probe."""
    server = start_server(
        "--max-connections", 100_000, "--threads", 1,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512)),
    )  # fmt: skip
    held = [server.connect() for _ in range(600)]
    for path in HEALTH:
        assert requests.get(server.url + path, timeout=10).status_code == 200
        assert requests.get(server.admin_url + path, timeout=10).status_code == 200
    for client in held:
        client.close()
    _, log = server.terminate()
    assert b"--max-connections 100000: the limit on descriptors, 512, has room for " in log


def test_connections_end_by_age_and_by_count(start_server):
    server = start_server(
        "--max-connection-age", "300ms", "--max-connection-age-jitter", 0.1,
        "--max-requests-per-connection", 3,
    )
    with requests.Session() as session:
        closes = [
            session.get(f"{server.url}/health", timeout=5).headers.get("Connection")
            for _ in range(6)
        ]
        assert closes == [None, None, "close"] * 2
        session.get(f"{server.url}/health", timeout=5)
        time.sleep(0.5)
        aged = session.get(f"{server.url}/health", timeout=5)
        assert aged.headers.get("Connection") == "close"
    page = requests.get(f"{server.admin_url}/metrics", timeout=5).text
    assert 'iris_connections_closed_total{reason="age"} 1' in page
    assert 'iris_connections_closed_total{reason="requests"} 2' in page


def test_sockets_are_taken_over_from_the_parent(start_server, iris, model):
    service = socket.create_server(("127.0.0.1", 0))
    admin = socket.create_server(("127.0.0.1", 0))
    # A connection that was there before the server was.
    early = socket.create_connection(service.getsockname(), timeout=10)
    early.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
    argv = [iris, "serve", "--model", model, "--threads", "2"]
    # The descriptors must be 3 and 4 and LISTEN_PID the server's own, as systemd has it. They may
    # be so the other way round here: bash first copies them to numbers that nothing has.
    script = (
        f"exec {{service}}<&{service.fileno()} {{admin}}<&{admin.fileno()}; "
        "exec 3<&$service 4<&$admin; "
        'LISTEN_FDS=2 LISTEN_PID=$$ exec "$@"'
    )
    process = subprocess.Popen(
        ["bash", "-c", script, "bash", *map(str, argv)],
        pass_fds=[service.fileno(), admin.fileno()],
        stderr=subprocess.PIPE,
    )
    try:
        assert b"200 OK" in early.recv(4096)
        url = "http://{}:{}".format(*admin.getsockname())
        assert "iris_connections_accepted_total 1\n" in requests.get(f"{url}/metrics", timeout=5).text
    finally:
        early.close()
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=10)
    assert process.returncode == 0
    assert f":{service.getsockname()[1]}".encode() in log


def test_a_port_in_use_is_an_error_of_the_environment(start_server, run_iris, model):
    server = start_server("--threads", 2)
    port = server.address[1]
    for threads in (1, 2):
        second = run_iris(
            "serve", "--model", model, "--host", "127.0.0.1", "--port", port,
            "--admin-port", 0, "--threads", threads,
        )
        assert second.returncode == 3
        assert f"127.0.0.1:{port}: Address already in use" in second.stderr
    admin_port = server.admin_url.rsplit(":", 1)[1]
    second = run_iris(
        "serve", "--model", model, "--host", "127.0.0.1", "--port", 0, "--admin-port", admin_port
    )
    assert second.returncode == 3
    assert f"admin port: cannot listen on 127.0.0.1:{admin_port}: Address already in use" in second.stderr
    wrong = run_iris("serve", "--model", model, "--port", 0, "--admin-host", "256.1.1.1")
    assert wrong.returncode == 2


def test_models_that_are_none_are_refused(run_iris, tmp_path):
    missing = run_iris("serve", "--model", tmp_path / "none.onnx")
    assert missing.returncode == 2
    assert "none.onnx" in missing.stderr
    pickled = tmp_path / "model.pkl"
    pickled.write_bytes(pickle.dumps({"coef_": [1.0]}))
    refused = run_iris("serve", "--model", pickled)
    assert refused.returncode == 2
    assert "pickle" in refused.stderr and "skl2onnx" in refused.stderr


@pytest.mark.parametrize("port", ["not a port", "tcp://10.0.0.1:8080", "70000", "-1", "80 ", "0x50", "8080/tcp"])
def test_a_port_of_the_environment_that_is_none_is_named(run_iris, model, port):
    wrong = run_iris("serve", "--model", model, env={**os.environ, "PORT": port})
    assert wrong.returncode == 2
    assert f"the environment's PORT: expected a port from 0 to 65535, got '{port}'" in wrong.stderr
    assert ("enableServiceLinks: false" in wrong.stderr) == ("://" in port)
    assert "PORT" not in run_iris("serve", "--model", model, "--port", "70000").stderr


def test_a_model_of_the_environment_that_is_none_is_named(run_iris, tmp_path):
    text = tmp_path / "model.onnx"
    text.write_text("none")
    for path in (tmp_path / "missing.onnx", text, tmp_path):
        wrong = run_iris("serve", env={**os.environ, "MODEL_PATH": str(path)})
        assert wrong.returncode == 2
        assert "MODEL_PATH" in wrong.stderr and str(path) in wrong.stderr
        assert "MODEL_PATH" not in run_iris("serve", "--model", path).stderr


def test_the_environment_names_model_and_port_and_flags_win(start_server, model):
    environment = {"MODEL_PATH": "/nowhere/model.onnx", "PORT": "tcp://10.0.0.1:8080"}
    server = start_server(environment=environment)  # with --model and --port
    assert requests.get(f"{server.url}/health", timeout=10).ok


def test_an_empty_environment_is_none(iris, model, tmp_path):
    environment = {**os.environ, "MODEL_PATH": "", "PORT": ""}
    wrong = subprocess.run(
        [iris, "serve"], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
        timeout=10,
    )
    assert (wrong.returncode, "models/model.onnx" in wrong.stderr) == (2, True)


def test_durations_are_checked(run_iris, model):
    wrong = run_iris("serve", "--model", model, "--idle-timeout", "0s")
    assert wrong.returncode == 2
    assert "--idle-timeout: expected more than 0, got 0s" in wrong.stderr
