"""Tokens, TLS, the load route and what is listened on, by real clients."""

import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import time

import pytest
import requests
from serving import Server

BODY = {"instances": [[5.1, 3.5, 1.4, 0.2]]}


def wait_until(condition, patience_s=10):
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def token(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    return write


def bearer(text):
    return {"Authorization": f"Bearer {text}"}


def test_each_port_asks_for_its_own_token(start_server, token):
    server = start_server(
        "--token-file", token("a", "for-clients\n"), "--admin-token-file", token("b", "for-admins")
    )
    url = f"{server.url}/predict"
    bare = requests.post(url, json=BODY, timeout=5)
    assert (bare.status_code, bare.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "Authorization" in bare.json()["error"]
    assert requests.post(url, json=BODY, headers=bearer("for-admins"), timeout=5).status_code == 401
    good = requests.post(url, json=BODY, headers=bearer("for-clients"), timeout=5)
    assert good.json() == {"predictions": ["setosa"]}
    assert requests.get(f"{server.url}/health", timeout=5).status_code == 200
    page = f"{server.admin_url}/metrics"
    assert requests.get(page, timeout=5).status_code == 401
    assert requests.get(page, headers=bearer("for-clients"), timeout=5).status_code == 401
    text = requests.get(page, headers=bearer("for-admins"), timeout=5).text
    assert 'iris_rejections_total{reason="token_missing"} 1\n' in text
    assert 'iris_rejections_total{reason="token_wrong"} 1\n' in text
    assert 'iris_responses_total{route="predict",code="401"} 2\n' in text
    assert 'iris_admin_refused_total{reason="token_wrong"} 1\n' in text
    _, log = server.terminate()
    assert b"for-" not in log


def test_names_are_told_only_to_who_has_the_token(start_server, token):
    server = start_server("--token-file", token("a", "for-clients\n"))
    version = requests.get(f"{server.url}/v2/models/model", headers=bearer("for-clients"), timeout=5).json()
    (version,) = version["versions"]
    for path in ("other/ready", "model/versions/9/ready", "Model/ready", "%2e/ready"):
        url = f"{server.url}/v2/models/{path}"
        for headers in ({}, bearer("wrong")):
            answer = requests.get(url, headers=headers, timeout=5)
            assert answer.status_code == 404
            assert '"model"' not in answer.json()["error"] and version not in answer.text
        answer = requests.get(url, headers=bearer("for-clients"), timeout=5)
        assert answer.status_code == 404 and '"model"' in answer.json()["error"]
    assert requests.get(f"{server.url}/v2/models/model/ready", timeout=5).status_code == 200
    for path in ("/v2/models", "/v2/repository/index"):
        assert requests.get(server.url + path, timeout=5).status_code == 401
        assert requests.get(server.url + path, headers=bearer("for-clients"), timeout=5).ok


def test_a_token_is_read_again_when_it_changes(start_server, token):
    path = token("a", "first")
    server = start_server("--token-file", path)

    def status(text):
        return requests.get(f"{server.url}/v2", headers=bearer(text), timeout=5).status_code

    assert status("first") == 200
    path.write_text("")
    time.sleep(0.3)
    assert status("first") == 200, "a file that holds no token changes nothing"
    fresh = token("new", "second")
    os.replace(fresh, path)
    wait_until(lambda: status("second") == 200)
    assert status("first") == 401


def test_token_files_are_looked_at(run_iris, start_server, model, token):
    for text, message in [("", "found nothing"), ("a b", "without blanks"), ("x" * 5000, "4096")]:
        path = token("bad", text)
        refused = run_iris("serve", "--model", model, "--token-file", path)
        assert refused.returncode == 2
        assert str(path) in refused.stderr and message in refused.stderr
    path = token("open", "secret")
    path.chmod(0o644)
    process = subprocess.Popen(
        [os.environ.get("IRIS_BIN", "build/release/iris"), "serve", "--model", model, "--port", "0",
         "--host", "127.0.0.1", "--admin-port", "0", "--token-file", path],
        stderr=subprocess.PIPE,
    )
    time.sleep(0.5)
    process.terminate()
    log = process.communicate(timeout=30)[1].decode()
    assert f"chmod o-r {path}" in log and "secret" not in log


def test_the_admin_route_loads_the_model(start_server, model, tmp_path):
    path = tmp_path / "flowers.onnx"
    path.write_bytes(model.read_bytes())
    server = start_server(served=path)
    load = f"{server.admin_url}/v2/repository/models/flowers/load"
    same = requests.post(load, timeout=5)
    assert (same.status_code, same.json()["result"]) == (200, "unchanged")
    assert requests.post(load.replace("flowers", "trees"), timeout=5).status_code == 404
    assert requests.get(load, timeout=5).headers["Allow"] == "POST"
    path.write_bytes(model.read_bytes()[:100])
    bad = requests.post(load, timeout=5)
    assert bad.status_code == 400
    assert "the model from before is served on" in bad.json()["error"]
    assert requests.post(f"{server.url}/predict", json=BODY, timeout=5).status_code == 200
    # Not on the port that everybody can reach.
    service = load.replace(server.admin_url, server.url)
    assert requests.post(service, timeout=5).status_code == 404


@pytest.fixture
def certificates(tmp_path):
    """Makes certificates for localhost: certificates("one") → (certificate, key)."""

    def make(name):
        paths = tmp_path / f"{name}.crt", tmp_path / f"{name}.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "1", "-subj", f"/CN={name}", "-addext",
             "subjectAltName=IP:127.0.0.1", "-out", paths[0], "-keyout", paths[1]],
            check=True, capture_output=True,
        )
        return paths

    return make


def common_name(server):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(server.address, timeout=5) as plain:
        with context.wrap_socket(plain) as secured:
            der = secured.getpeercert(binary_form=True)
    return re.search(rb"\x55\x04\x03\x0c.([a-z]+)", der).group(1).decode()


def test_tls_is_spoken_on_both_ports(start_server, certificates):
    certificate, key = certificates("one")
    server = start_server("--tls-cert", certificate, "--tls-key", key)
    assert server.url.startswith("https://") and server.admin_url.startswith("https://")
    with requests.Session() as session:
        session.trust_env = False  # its CA bundle would come before ours
        session.verify = str(certificate)
        for _ in range(3):
            answer = session.post(f"{server.url}/predict", json=BODY, timeout=5)
            assert answer.json() == {"predictions": ["setosa"]}
        many = session.post(
            f"{server.url}/predict", json={"instances": BODY["instances"] * 50_000}, timeout=20
        )
        assert many.json()["predictions"] == ["setosa"] * 50_000
        page = session.get(f"{server.admin_url}/metrics", timeout=5).text
    assert "iris_connections_accepted_total 1\n" in page
    with pytest.raises((http.client.HTTPException, OSError)):
        clear = http.client.HTTPConnection(*server.address, timeout=5)
        clear.request("GET", "/health")
        clear.getresponse()
    curl = subprocess.run(
        ["curl", "-sS", "--cacert", certificate, f"{server.url}/health"],
        capture_output=True, text=True, check=False, timeout=10,
    )
    assert json.loads(curl.stdout) == {"status": "ok"}, curl.stderr


def test_a_certificate_is_read_again_when_it_changes(start_server, certificates):
    certificate, key = certificates("one")
    server = start_server("--tls-cert", certificate, "--tls-key", key)
    other_certificate, other_key = certificates("two")
    assert common_name(server) == "one"
    os.replace(other_certificate, certificate)
    time.sleep(0.3)
    assert common_name(server) == "one", "the key does not fit to it yet"
    os.replace(other_key, key)
    wait_until(lambda: common_name(server) == "two")
    _, log = server.terminate()
    assert b"the certificate from before is used on" in log


def test_certificates_are_looked_at(run_iris, model, certificates):
    one, two = certificates("one"), certificates("two")
    mismatched = run_iris("serve", "--model", model, "--tls-cert", one[0], "--tls-key", two[1])
    assert mismatched.returncode == 2
    assert f"{two[1]}: this is not the key of the certificate in {one[0]}" in mismatched.stderr
    alone = run_iris("serve", "--model", model, "--tls-cert", one[0])
    assert alone.returncode == 2 and "--tls-key" in alone.stderr


def test_libssl_is_loaded_with_a_certificate_only(start_server, certificates):
    certificate, key = certificates("one")

    def has_libssl(server):
        with open(f"/proc/{server.process.pid}/maps", encoding="ascii") as maps:
            return "libssl" in maps.read()

    assert not has_libssl(start_server())
    assert has_libssl(start_server("--tls-cert", certificate, "--tls-key", key))


def listened_on(pid):
    """The addresses that a process listens on, as the kernel has them: {"127.0.0.1", "::"}."""
    inodes = set()
    for entry in os.scandir(f"/proc/{pid}/fd"):
        found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(entry.path))
        if found:
            inodes.add(found.group(1))
    addresses = set()
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        with open(f"/proc/{pid}/net/{table}", encoding="ascii") as lines:
            for line in list(lines)[1:]:
                fields = line.split()
                if fields[3] == "0A" and fields[9] in inodes:
                    words = re.findall("........", fields[1].split(":")[0])
                    raw = b"".join(bytes.fromhex(word)[::-1] for word in words)
                    addresses.add(socket.inet_ntop(family, raw))
    return addresses


@pytest.mark.parametrize(
    ("flags", "addresses"),
    [
        ((), {"0.0.0.0", "127.0.0.1"}),
        (("--host", "127.0.0.1"), {"127.0.0.1"}),
        (("--host", "127.0.0.2", "--admin-host", "127.0.0.3"), {"127.0.0.2", "127.0.0.3"}),
        (("--host", "::1"), {"::1", "127.0.0.1"}),
        (("--host", "::"), {"::", "127.0.0.1"}),
        (("--host", "::", "--admin-host", "::"), {"::"}),
        (("--host", "::", "--ipv6-only"), {"::", "127.0.0.1"}),
    ],
)
def test_nothing_listens_wider_than_it_is_told(iris, model, flags, addresses):
    process = subprocess.Popen(
        [iris, "serve", "--model", model, "--port", "0", "--admin-port", "0", "--threads", "2",
         *flags],
        stderr=subprocess.PIPE,
    )
    try:
        line = process.stderr.readline().decode()
        urls = re.findall(r"http://\S+:\d+", line)
        assert listened_on(process.pid) == addresses, line
        if "::" in flags:
            port = Server(process, *urls).address[1]
            for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                with socket.socket(family) as client:
                    client.settimeout(5)
                    refused = client.connect_ex((address, port)) != 0
                    assert refused == (family == socket.AF_INET and "--ipv6-only" in flags)
    finally:
        process.terminate()
        process.communicate(timeout=30)
