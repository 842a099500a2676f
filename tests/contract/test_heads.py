"""Heads of requests: those that are refused, and what their answers and log lines tell of them."""

import json
import re

import pytest
import requests
from serving import raw

BODY = b'{"instances":[[5.1,3.5,1.4,0.2]]}'
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
FIELDS = b"Host: a\r\nX-Request-Id: r-17\r\ntraceparent: " + TRACE + b"\r\n"


def once(server, head, body=BODY):
    """The answer to one request that is to be the last of its connection."""
    length = b"Content-Length: %d\r\n" % len(body)
    return raw(server, head + length + b"Connection: close\r\n\r\n" + body)


def status_of(received):
    return int(received.split(b" ", 2)[1])


# ---- what is told of a request that is refused


REFUSED = {
    "too large a body": (b"POST /predict HTTP/1.1\r\n" + FIELDS + b"Content-Length: 5000\r\n\r\n", 413),
    "too large a chunk": (
        b"POST /predict HTTP/1.1\r\n" + FIELDS + b"Transfer-Encoding: chunked\r\n\r\n2000\r\n", 413),
    "a head without an end": (
        b"POST /predict?x=1 HTTP/1.1\r\n" + FIELDS + b"X: " + b"x" * 9000, 431),
    "a field that is too long": (
        b"POST /predict HTTP/1.1\r\n" + FIELDS + b"X: " + b"x" * 9000 + b"\r\n\r\n", 431),
    "two lengths": (
        b"POST /predict HTTP/1.1\r\n" + FIELDS + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
    "two lengths, before": (
        b"POST /predict HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n" + FIELDS + b"\r\nx", 400),
    "a malformed chunk": (
        b"POST /predict HTTP/1.1\r\n" + FIELDS + b"Transfer-Encoding: chunked\r\n\r\nnope\r\n", 400),
    "an unknown transfer coding": (
        b"POST /predict HTTP/1.1\r\n" + FIELDS + b"Transfer-Encoding: gzip\r\n\r\n", 501),
    "a body without an end": (
        b"POST /predict HTTP/1.1\r\n" + FIELDS + b"Content-Length: 9\r\n\r\n{", 408),
    "chunks without an end": (
        b"POST /predict HTTP/1.1\r\n" + FIELDS + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", 408),
    "a head that comes too slowly": (b"POST /predict HTTP/1.1\r\n" + FIELDS + b"Content-Le", 408),
    "in absolute form": (
        b"POST http://a/predict HTTP/1.1\r\n" + FIELDS + b"Content-Length: 5000\r\n\r\n", 413),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_request_is_named_in_answer_and_log(start_server, tmp_path, name):
    request, status = REFUSED[name]
    log = tmp_path / "access.log"
    server = start_server("--read-timeout", "500ms", "--max-body", 1000, "--access-log", log)
    received = raw(server, request)
    assert status_of(received) == status, received
    assert b"\r\nX-Request-Id: r-17\r\n" in received
    page = requests.get(f"{server.admin_url}/metrics", timeout=10).text
    assert f'iris_responses_total{{route="predict",code="{status}"}} 1\n' in page
    server.terminate()
    (line,) = map(json.loads, log.read_text().splitlines())
    assert (line["method"], line["path"], line["status"]) == ("POST", "/predict", status)
    assert (line["request_id"], line["traceparent"]) == ("r-17", TRACE.decode())
    assert line["route"] == "predict" and line["refusal"]


def test_a_client_that_ends_within_its_request_gets_its_id_back(server):
    request = b"POST /predict HTTP/1.1\r\n" + FIELDS + b"Content-Length: 9\r\n\r\n{"
    received = raw(server, request, half_close=True)
    assert status_of(received) == 400
    assert b"\r\nX-Request-Id: r-17\r\n" in received


def test_too_many_connections_get_their_id_back(start_server):
    server = start_server("--max-connections", 1, "--threads", 1)
    with requests.Session() as first:
        assert first.post(f"{server.url}/predict", data=BODY, timeout=10).ok
        received = raw(server, b"GET /v2/models/model HTTP/1.1\r\n" + FIELDS + b"\r\n")
        assert status_of(received) == 429
        assert b"\r\nX-Request-Id: r-17\r\n" in received


@pytest.mark.parametrize(
    "head",
    [
        b"POST /predict HTTP/1.1\r\nHost: a\r\nX-Request-Id: r-1",  # not the whole line
        b"POST /predict HTTP/1.1\r\nHost: a\r\nX-Request-Id: two words\r\nX",
        b"POST /predict HTTP/1.1\r\nHost: a\r\nX-Request-Id: " + b"x" * 129 + b"\r\nX",
        b"POST /predict HTTP/1.1\r\nHost: a\r\nX-Request-Id: r-1\r\n folded\r\nX",
        b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\nX-Request-Id: r-1\r\n",
    ],
)
def test_what_is_no_request_id_is_not_repeated(start_server, head):
    server = start_server("--read-timeout", "300ms")
    received = raw(server, head)
    assert status_of(received) == 408
    assert b"x-request-id" not in received.lower()


def test_what_has_no_request_line_is_logged_without_one(start_server, tmp_path):
    log = tmp_path / "access.log"
    server = start_server("--access-log", log)
    for request in (b"\x16\x03\x01\x02 TLS\r\n\r\n", b"GET\r\n\r\n", b"GET /" + b"x" * 9000):
        assert status_of(raw(server, request)) in (400, 431)
    server.terminate()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["method"], line["path"], line["route"]) for line in lines] == [(None, None, "other")] * 3


def test_the_answer_to_head_has_no_body_when_it_is_refused(server):
    received = raw(server, b"HEAD /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    assert status_of(received) == 400
    assert received.endswith(b"\r\n\r\n")


# ---- --max-head


def test_a_long_token_is_a_matter_of_a_flag(start_server):
    token = {"Authorization": "Bearer " + "x" * 9000}
    small, large = start_server(), start_server("--max-head", 65536)
    assert requests.get(f"{small.url}/health", headers=token, timeout=10).status_code == 431
    assert requests.get(f"{large.url}/health", headers=token, timeout=10).status_code == 200


@pytest.mark.parametrize("limit", [1024, 8192, 65536, 1 << 20])
def test_a_head_is_bounded_to_the_byte(start_server, limit):
    server = start_server("--max-head", limit)
    start = b"POST /predict HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\nX: " % len(BODY)
    for size, status in ((limit, 200), (limit + 1, 431)):
        head = start + b"x" * (size - len(start) - 4) + b"\r\n\r\n"
        assert status_of(raw(server, head + BODY)) == status
    # Twice on one connection, in many fields, and read piece by piece.
    fields = b"".join(b"X-%d: %s\r\n" % (i, b"y" * 90) for i in range(limit // 110))
    request = b"POST /predict HTTP/1.1\r\nHost: a\r\n" + fields[:limit - 80].rpartition(b"X-")[0]
    request += b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    with server.connect() as connection:
        for _ in range(2):
            for at in range(0, len(request), 50_000):
                connection.sendall(request[at:at + 50_000])
            assert b'{"predictions":["setosa"]}' in connection.recv(65536)


def test_a_bound_that_is_none_is_refused(run_iris, model):
    for value in ("0", "100", "2000000", "many"):
        wrong = run_iris("serve", "--model", model, "--max-head", value)
        assert (wrong.returncode, "--max-head" in wrong.stderr) == (2, True)


# ---- fields that mean two things


@pytest.mark.parametrize(
    "fields",
    [
        b"Host: a\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n",
        b"Host: a\r\nauthorization: Bearer a\r\nX: y\r\nAUTHORIZATION: Bearer a\r\n",
        b"Host: a b\r\n",
        b"Host: a/b\r\n",
        b"Host: user@a\r\n",
        b"Host: a:b\r\n",
        b"Host: a:80:80\r\n",
        b"Host: a, b\r\n",
        b"Host: a?b\r\n",
        b"Host: a#b\r\n",
        b"Host: a\\b\r\n",
        b"Host: <a>\r\n",
        b"Host: [::1\r\n",
        b"Host: ::1\r\n",
        b"Host: [::1]x\r\n",
        b"Host: [::g]\r\n",
        b"Host: []\r\n",
        b"Host: a%2\r\n",
        b"Host: a%zz\r\n",
        b"Host: \xc3\xa9\r\n",
        b"Host: http://a\r\n",
        b"Host:\r\n a\r\n",
        b"Host: a\r\n b\r\n",
        b"Host: a\r\nTransfer-Encoding:\r\n chunked\r\n",
        b"Host: a\r\nTransfer-Encoding: chunked\r\n \r\n",
        b"Host: a\r\nTransfer-Encoding:\r\n\tchunked\r\n",
    ],
)
def test_fields_that_mean_two_things_get_400_and_the_end(server, fields):
    received = raw(server, b"GET /health HTTP/1.1\r\n" + fields + b"\r\n0\r\n\r\n")
    assert status_of(received) == 400, received
    assert b"\r\nConnection: close\r\n" in received
    assert received.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("length", [b"\r\n 33", b"33\r\n ", b"\r\n\t33", b"3\r\n 3", b"\r\n \r\n 33"])
def test_a_folded_length_gets_400_and_the_end(server, length):
    head = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: " + length + b"\r\n\r\n"
    received = raw(server, head + BODY)
    assert status_of(received) == 400, received
    assert received.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "host",
    [b"a", b"a:8080", b"a:", b"", b"127.0.0.1", b"127.0.0.1:80", b"[::1]", b"[::1]:80", b"[2001:db8::1.2.3.4]",
     b"[v1.x:y]", b"a_b.example", b"xn--bcher-kva.example", b"a%20b", b"iris.default.svc.cluster.local:8080",
     b"10.0.0.1:8080", b"A-1.Example."],
)  # fmt: skip
def test_every_valid_host_is_taken(server, host):
    received = once(server, b"POST /predict HTTP/1.1\r\nHost: " + host + b"\r\n")
    assert status_of(received) == 200, received


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"http://a/predict", 200),
        (b"HTTP://a/predict", 200),
        (b"Http://a:80/predict?x=http://b", 200),
        (b"hTTpS://[::1]:80/predict", 200),
        (b"HTTP://a", 405),
        (b"http://a?x", 405),
        (b"http://a/", 405),
        (b"HTTP://a/nothing", 404),
        (b"HTTP:///predict", 400),
        (b"http://a b/predict", 400),
        (b"http://user@a/predict", 400),
        (b"ftp://a/predict", 404),
    ],
)
def test_the_absolute_form_in_any_case(server, target, status):
    received = once(server, b"POST " + target + b" HTTP/1.1\r\nHost: a\r\n")
    assert status_of(received) == status, received
    if status == 405:
        assert b'"/: expected GET or HEAD"' in received


def test_a_folded_field_that_frames_nothing_keeps_the_connection(server):
    head = b"POST /predict HTTP/1.1\r\nHost: a\r\nUser-Agent: one\r\n two\r\n"
    assert status_of(once(server, head)) == 200
    assert re.search(rb'"predictions":\["setosa"\]', once(server, head))
