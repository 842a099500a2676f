"""PROTOCOL: the routes and what bad input gets, asked by curl, by requests and by raw sockets."""

import json
import re
import subprocess

import pytest
import requests
from serving import raw

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.2, 2.9, 4.3, 1.3], [6.3, 3.3, 6.0, 2.5]]
LABELS = ["setosa", "versicolor", "virginica"]
NAMES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


def curl(url, *args):
    """Status, head and body as curl sees them."""
    result = subprocess.run(
        ["curl", "-sS", "-i", "--max-time", "20", *args, url],
        capture_output=True,
        check=True,
    )
    # 100 Continue comes before the answer.
    text = re.sub(r"^HTTP/1.1 100 [^\r]*\r\n\r\n", "", result.stdout.decode())
    head, body = text.split("\r\n\r\n", 1)
    return int(head.split()[1]), head, body


def post(server, body, *args):
    return curl(
        f"{server.url}/predict", "-H", "Content-Type: application/json", "--data-binary", body, *args
    )


def metric(server, line):
    page = requests.get(f"{server.admin_url}/metrics", timeout=10).text
    match = re.search(rf"^{re.escape(line)} (\S+)$", page, flags=re.MULTILINE)
    assert match, f"{line} is not in\n{page}"
    return float(match.group(1))


def test_health(server):
    assert curl(f"{server.url}/health")[2] == '{"status":"ok"}'
    for base in (server.url, server.admin_url):
        assert requests.get(f"{base}/v2/health/live", timeout=10).json() == {"live": True}
        assert requests.get(f"{base}/v2/health/ready", timeout=10).json() == {"ready": True}
    head = requests.head(f"{server.url}/health", timeout=10)
    assert (head.status_code, head.headers["Content-Length"], head.text) == (200, "15", "")


def test_predictions_have_the_form_of_the_reference(server):
    status, head, body = post(server, json.dumps({"instances": ROWS}))
    assert status == 200
    assert "Content-Type: application/json" in head
    assert json.loads(body) == {"predictions": LABELS}


def test_rows_by_name_in_any_order_and_probabilities(server):
    rows = [dict(reversed(list(zip(NAMES, ROWS[0])))), ROWS[1], dict(zip(NAMES, ROWS[2]))]
    answer = requests.post(
        f"{server.url}/predict",
        json={"instances": rows, "parameters": {"probabilities": True}},
        timeout=10,
    ).json()
    assert answer["predictions"] == LABELS
    assert answer["classes"] == LABELS
    for label, row in zip(LABELS, answer["probabilities"]):
        assert sum(row) == pytest.approx(1, abs=1e-5)
        assert answer["classes"][row.index(max(row))] == label


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "the body is empty; expected JSON"),
        ('{"instances":[[1,2,3,4]', "the body is not JSON: unexpected end at byte 23"),
        ("[1]", 'expected an object with a key "instances"'),
        ("{}", 'expected a key "instances"'),
        ('{"instances":5}', "instances: expected an array of rows, got 5"),
        ('{"instances":[]}', "instances: expected at least one row"),
        (
            '{"instances":[[1,2,3,4],[1,2,"abc",4]]}',
            'instances[1][2]: expected a number, got string "abc"',
        ),
        ('{"instances":[[1,2,3,null]]}', "instances[0][3]: expected a number, got null"),
        (
            '{"instances":[[1,2,3]]}',
            f"instances[0]: expected 4 numbers ({', '.join(NAMES)}), got 3",
        ),
        (
            '{"instances":[{"colour":1}]}',
            f'instances[0]: unknown feature "colour"; expected {", ".join(NAMES)}',
        ),
        (
            '{"instances":[{"sepal_length":1}]}',
            'instances[0]: feature "sepal_width" is missing',
        ),
        (
            '{"instances":[{"sepal_length":1,"sepal_length":1}]}',
            'instances[0]: feature "sepal_length" is given twice',
        ),
        (
            '{"instances":[[1,2,3,1e39]]}',
            "instances[0][3]: expected a number within ±3.4e+38 (float32), got 1e39",
        ),
    ],
)
def test_bad_bodies_get_400_with_the_place(server, body, message):
    status, head, answer = post(server, body)
    assert (status, json.loads(answer)) == (400, {"error": message})
    assert "Connection: close" not in head


@pytest.mark.parametrize("parameters", [None, {}, {"probabilities": None}])
def test_parameters_that_are_null_are_absent(server, parameters):
    for body in ({"instances": ROWS, "parameters": parameters}, {"parameters": parameters, "instances": ROWS}):
        assert json.loads(post(server, json.dumps(body))[2]) == {"predictions": LABELS}
    wrong = {"instances": ROWS, "parameters": {"probability": None}}
    assert post(server, json.dumps(wrong))[0] == 400


def test_a_byte_order_mark_is_skipped(server, tmp_path):
    path = tmp_path / "rows.json"
    rows = [ROWS, [dict(zip(NAMES, row)) for row in ROWS]]
    for instances in rows:
        path.write_text(json.dumps({"instances": instances}), encoding="utf-8-sig")
        assert path.read_bytes().startswith(b"\xef\xbb\xbf{")
        status, _, body = post(server, f"@{path}")
        assert (status, json.loads(body)) == (200, {"predictions": LABELS})
    path.write_text(json.dumps({"instances": ROWS}), encoding="utf-16")
    assert post(server, f"@{path}")[0] == 400


def test_unknown_routes_and_wrong_methods(server):
    assert curl(f"{server.url}/nothing")[0] == 404
    status, head, body = curl(f"{server.url}/predict")
    assert status == 405
    assert "Allow: POST" in head
    assert "error" in json.loads(body)
    status, head, _ = curl(f"{server.url}/health", "-X", "DELETE")
    assert (status, "Allow: GET, HEAD" in head) == (405, True)


def test_content_types(server):
    body = json.dumps({"instances": ROWS})
    for content_type, expected in [
        ("application/json; charset=utf-8", 200),
        ("", 200),
        ("text/csv", 415),
        ("application/octet-stream", 415),
    ]:
        status, _, answer = curl(
            f"{server.url}/predict", "-H", f"Content-Type: {content_type}", "--data-binary", body
        )
        assert status == expected, content_type
        assert ("error" in json.loads(answer)) == (expected != 200)


def test_a_body_over_the_limit(start_server, tmp_path):
    server = start_server("--max-body", 1000)
    body = tmp_path / "large.json"
    body.write_text("x" * 3_000_000)
    for expect in ("Expect:", "Expect: 100-continue"):
        status, head, answer = post(server, f"@{body}", "-H", expect)
        assert (status, "Connection: close" in head) == (413, True)
        assert json.loads(answer) == {"error": "the body is over the limit of 1000 bytes"}
    assert metric(server, 'iris_rejections_total{reason="body_too_large"}') == 2


def test_headers_over_the_limit(server):
    assert curl(f"{server.url}/health", "-H", "X: " + "x" * 20_000)[0] == 431


def test_a_large_body_within_the_limit(server, tmp_path):
    body = tmp_path / "rows.json"
    body.write_text(json.dumps({"instances": ROWS * 10_000}))
    for flags in ([], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"]):
        status, _, answer = post(server, f"@{body}", *flags)
        assert status == 200
        assert json.loads(answer)["predictions"] == LABELS * 10_000


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnope\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost : a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 this is TLS\r\n\r\n",
    ],
)
def test_what_loses_the_framing_gets_400_and_the_end(server, request_bytes):
    received = raw(server, request_bytes)
    assert received.startswith(b"HTTP/1.1 400 "), received
    assert b"\r\nConnection: close\r\n" in received
    assert "error" in json.loads(received.split(b"\r\n\r\n", 1)[1])


def test_a_request_without_an_end_gets_408(start_server):
    server = start_server("--read-timeout", "300ms")
    received = raw(server, b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
    assert received.startswith(b"HTTP/1.1 408 ")
    assert metric(server, 'iris_rejections_total{reason="read_timeout"}') == 1


def test_over_the_admission_limit(start_server):
    server = start_server("--max-connections", 1, "--threads", 1)
    with requests.Session() as first:
        assert first.get(f"{server.url}/health", timeout=10).status_code == 200
        status, head, _ = curl(f"{server.url}/v2")
        assert (status, "Retry-After: 1" in head) == (429, True)
        assert first.get(f"{server.url}/health", timeout=10).status_code == 200


def test_one_connection_survives_every_refusal_that_keeps_the_framing(server):
    with requests.Session() as session:
        for body, status in [(b"{", 400), (b'{"instances":[[1]]}', 400), (b"", 400)] * 3:
            assert session.post(f"{server.url}/predict", data=body, timeout=10).status_code == status
        assert session.get(f"{server.url}/nothing", timeout=10).status_code == 404
        assert session.post(f"{server.url}/predict", json={"instances": ROWS}, timeout=10).ok
    assert metric(server, "iris_connections_accepted_total") == 1


def test_a_half_closed_client_is_answered(server):
    received = raw(server, b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n", half_close=True)
    assert received.endswith(b'{"status":"ok"}')


def test_a_slow_client_does_not_hold_up_others(server):
    with server.connect() as slow:
        slow.sendall(b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
        for _ in range(20):
            assert post(server, json.dumps({"instances": ROWS}))[0] == 200


def test_two_thousand_connections(server):
    connections = [server.connect() for _ in range(2000)]
    for connection in connections:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
    for connection in connections:
        assert b"200 OK" in connection.recv(4096)
    assert metric(server, "iris_connections") == 2000
    for connection in connections:
        connection.close()


def test_metric_names_are_frozen(server, golden):
    post(server, json.dumps({"instances": ROWS}))
    page = requests.get(f"{server.admin_url}/metrics", timeout=10).text
    series = [re.sub(r' \S+$| ', "", line, count=1) if not line.startswith("#") else line
              for line in page.splitlines()]
    series = [re.sub(r'sha256="[^"]*"|version="[^"]*"', "…", line) for line in series]
    golden("metrics.txt", "\n".join(series) + "\n")
