"""Content-Encoding: bodies as gzip, zlib, curl, requests and tritonclient compress them, and what is none."""

import gzip
import json
import resource
import subprocess
import zlib

import numpy as np
import pytest
import requests
import tritonclient.http as triton

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.2, 2.9, 4.3, 1.3], [6.3, 3.3, 6.0, 2.5]]
LABELS = ["setosa", "versicolor", "virginica"]
BODY = json.dumps({"instances": ROWS}).encode()
MEMBERS = gzip.compress(BODY[:10]) + gzip.compress(b"") + gzip.compress(BODY[10:])


def bare_deflate(data):
    """Without zlib's head, as Internet Explorer took it and some libraries still send it."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def post(server, body, coding, path="/predict", **headers):
    headers = {"Content-Type": "application/json", "Content-Encoding": coding, **headers}
    return requests.post(f"{server.url}{path}", data=body, headers=headers, timeout=20)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(BODY)),
        ("GZip", gzip.compress(BODY, compresslevel=0)),
        ("x-gzip", gzip.compress(BODY, compresslevel=9)),
        ("gzip", MEMBERS),
        ("deflate", zlib.compress(BODY)),
        ("deflate", zlib.compress(BODY, 0)),
        ("Deflate", zlib.compress(BODY, 9)),
        ("deflate", bare_deflate(BODY)),
        ("identity", BODY),
        ("", BODY),
        ("identity, gzip", gzip.compress(BODY)),
        ("gzip , ", gzip.compress(BODY)),
    ],
)
def test_both_codings_are_decoded(server, coding, body):
    answer = post(server, body, coding)
    assert (answer.status_code, answer.json()) == (200, {"predictions": LABELS})
    chunks = (body[i:i + 7] for i in range(0, len(body), 7))
    assert post(server, chunks, coding).json() == {"predictions": LABELS}


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("binary", [True, False])
def test_triton_compresses_its_requests(server, coding, binary):
    rows = np.array(ROWS, np.float32)
    tensor = triton.InferInput("input", rows.shape, "FP32")
    tensor.set_data_from_numpy(rows, binary_data=binary)
    outputs = [triton.InferRequestedOutput("label", binary_data=binary),
               triton.InferRequestedOutput("probabilities", binary_data=binary)]
    with triton.InferenceServerClient(server.url.removeprefix("http://")) as client:
        for request_id in ("1", "2"):
            result = client.infer("model", [tensor], outputs=outputs, request_id=request_id,
                                  request_compression_algorithm=coding,
                                  response_compression_algorithm=coding)
            assert list(result.as_numpy("label").astype(bytes)) == [x.encode() for x in LABELS]
            assert result.as_numpy("probabilities").sum() == pytest.approx(3, abs=1e-5)
            assert result.get_response()["id"] == request_id


def test_curl_sends_what_gzip_made(server, tmp_path):
    path = tmp_path / "rows.json"
    path.write_bytes(BODY)
    subprocess.run(["gzip", path], check=True)
    answer = subprocess.run(
        ["curl", "-sS", "--max-time", "20", "-H", "Content-Encoding: gzip", "--data-binary",
         f"@{path}.gz", "-H", "Content-Type: application/json", f"{server.url}/predict"],
        capture_output=True, check=True,
    )
    assert json.loads(answer.stdout) == {"predictions": LABELS}


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip", "deflate, gzip", "gzip;q=1"])
@pytest.mark.parametrize("path", ["/predict", "/v2/models/model/infer"])
def test_any_other_coding_gets_415_and_those_there_are(server, coding, path):
    answer = post(server, gzip.compress(BODY), coding, path)
    assert (answer.status_code, answer.headers["Accept-Encoding"]) == (415, "gzip, deflate")
    assert "Content-Encoding" in answer.json()["error"] and coding in answer.json()["error"]
    assert "Accept-Encoding" not in requests.post(
        f"{server.url}/predict", data=BODY, headers={"Content-Type": "text/csv"}, timeout=10
    ).headers


def damaged(packed):
    """Every second cut, and a changed byte at every third place."""
    yield from (packed[:size] for size in range(0, len(packed), 2))
    for at in range(2, len(packed), 3):
        yield packed[:at] + bytes([packed[at] ^ 0x55]) + packed[at + 1:]
    yield packed + b"more"
    yield b"\0" * 20
    yield BODY


@pytest.mark.parametrize(
    ("coding", "packed"),
    [("gzip", gzip.compress(BODY)), ("gzip", MEMBERS), ("deflate", zlib.compress(BODY))],
)
def test_a_damaged_body_gets_400_and_the_connection_stays(server, coding, packed):
    with requests.Session() as session:
        headers = {"Content-Type": "application/json", "Content-Encoding": coding}
        for body in damaged(packed):
            answer = session.post(f"{server.url}/predict", data=body, headers=headers, timeout=10)
            # A gzip head has bytes that mean nothing (its time and system).
            assert answer.status_code == 400 or answer.json() == {"predictions": LABELS}, body
            assert answer.status_code != 400 or answer.json()["error"], body
        assert session.post(f"{server.url}/predict", data=packed, headers=headers, timeout=10).ok
    page = requests.get(f"{server.admin_url}/metrics", timeout=10).text
    assert "\niris_connections_accepted_total 1\n" in page
    assert '\niris_rejections_total{reason="unknown"} 0\n' in page


def resident_kb(server, field):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field))


def test_what_a_body_becomes_is_bounded(start_server):
    """A gigabyte of blanks is a megabyte of gzip, and a kilobyte of gzip of gzip."""
    server = start_server("--max-body", 2_000_000, "--threads", 1)
    assert post(server, gzip.compress(BODY), "gzip").ok
    before = resident_kb(server, "VmHWM")
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(b" " * 2**20) for _ in range(1000)) + packer.flush()
    members = gzip.compress(b" " * 1000) * 3000
    for body in (bomb, members):
        answer = post(server, body, "gzip")
        assert answer.status_code == 413
        assert answer.json() == {"error": "the decoded body is over the limit of 2000000 bytes"}
    assert resident_kb(server, "VmHWM") - before < 16_000
    assert post(server, gzip.compress(bomb), "gzip").status_code == 400, "what is in it is no JSON"
    page = requests.get(f"{server.admin_url}/metrics", timeout=10).text
    assert '\niris_rejections_total{reason="body_too_large"} 2\n' in page
    # To the byte.
    for size, status in ((2_000_000, 200), (2_000_001, 413)):
        body = BODY + b" " * (size - len(BODY))
        for coding, packed in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body))):
            assert post(server, packed, coding).status_code == status, (size, coding)


def test_the_memory_of_large_bodies_is_given_back(start_server):
    server = start_server("--max-body", 64_000_000, "--threads", 1)
    assert post(server, gzip.compress(BODY), "gzip").ok
    before = resident_kb(server, "VmRSS")
    body = gzip.compress(BODY + b" " * 60_000_000)
    for _ in range(3):
        assert post(server, body, "gzip").json() == {"predictions": LABELS}
    page_kb = resource.getpagesize() // 1024
    assert resident_kb(server, "VmRSS") - before < 20_000 + page_kb


def test_routes_without_a_body_do_not_mind(server):
    for path in ("/health", "/v2", "/v2/models/model"):
        answer = requests.get(f"{server.url}{path}", headers={"Content-Encoding": "br"}, timeout=10)
        assert answer.status_code == 200


def test_a_body_that_there_is_no_memory_to_decode_is_refused(start_server):
    limit = 600 << 20
    server = start_server(
        "--threads", 1, "--max-body", 1 << 30,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )  # fmt: skip
    answer = post(server, gzip.compress(BODY), "gzip")
    assert answer.status_code == 429, answer.text
    assert "memory" in answer.json()["error"]
    assert post(server, BODY, "identity").json() == {"predictions": LABELS}
