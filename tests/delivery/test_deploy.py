"""scripts/deploy against a kubectl that records what it is told, and a real HTTP service."""

import http.server
import json
import os
import subprocess
import threading

import pytest
import yaml

DIGEST = "sha256:" + "ab" * 32
IMAGE = f"registry.example/iris/iris-api@{DIGEST}"
EXAMPLE = {"request": {"instances": [[1, 2], [3, 4]]}, "answer": {"predictions": ["good", "bad"]}}
ANSWER = json.dumps(EXAMPLE["answer"]).encode()

KUBECTL = """\
#!/usr/bin/env bash
echo "$*" >> "$KUBECTL_CALLS"
case "$*" in
  *'get deployment/iris-api'*'io/revision}') cat "$KUBECTL_REVISION" ;;
  *'get replicasets'*) printf %s "$KUBECTL_SERVING" ;;
  'apply '*) printf %s "$KUBECTL_AFTER" > "$KUBECTL_REVISION"; exit "$KUBECTL_APPLY" ;;
  *'rollout status'*) [ -f "$KUBECTL_CALLS.undone" ] || exit "$KUBECTL_ROLLOUT" ;;
  *'rollout undo'*) touch "$KUBECTL_CALLS.undone" ;;
  *'get service'*) printf %s "$KUBECTL_ADDRESS" ;;
  *'port-forward '*)
    [ -n "$KUBECTL_ADDRESS" ] || { echo "error: unable to forward port" >&2; exit 1; }
    echo "Forwarding from $KUBECTL_ADDRESS -> 8080"
    echo $$ > "$KUBECTL_CALLS.forwards"
    exec sleep 600
    ;;
esac
"""


@pytest.fixture
def service():
    """A service that answers /predict with a status that a test may change."""

    class Handler(http.server.BaseHTTPRequestHandler):
        status = 200

        def log_message(self, *_):
            pass

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(type(self).status)
            self.send_header("Content-Length", str(len(ANSWER)))
            self.end_headers()
            self.wfile.write(ANSWER)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    Handler.address = f"127.0.0.1:{server.server_address[1]}"
    yield Handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def deploy(repo, tmp_path, service):
    kubectl = tmp_path / "bin" / "kubectl"
    kubectl.parent.mkdir()
    kubectl.write_text(KUBECTL)
    kubectl.chmod(0o755)

    file = tmp_path / "example.json"
    file.write_text(json.dumps(EXAMPLE))

    def run(image=IMAGE, *flags, components="", example=file, before="7", serving="", after="8", apply=0, rollout=0, address=service.address):
        """`before` and `after` are the Deployment's revision; `serving` are those with ready pods; "" for none."""
        calls = tmp_path / "calls"
        revision = tmp_path / "revision"
        revision.write_text(before)
        result = subprocess.run(
            [repo / "scripts" / "deploy", *flags, image, example],
            env={
                **os.environ,
                "PATH": f"{kubectl.parent}:{os.environ['PATH']}",
                "KUBECTL_CALLS": str(calls),
                "KUBECTL_REVISION": str(revision),
                "KUBECTL_SERVING": serving,
                "KUBECTL_AFTER": after,
                "KUBECTL_APPLY": str(apply),
                "KUBECTL_ROLLOUT": str(rollout),
                "KUBECTL_ADDRESS": address,
                "COMPONENTS": components,
                "SMOKE_TIMEOUT_S": "0",
                "ADDRESS_TIMEOUT_S": "10" if "--local" in flags else "0",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        made = calls.read_text().splitlines() if calls.exists() else []
        return result, made

    return run


def test_it_deploys_by_digest_and_says_where(deploy, service, repo):
    result, calls = deploy()
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"address=http://{service.address}\n"
    assert "apply --kustomize build/deploy" in calls
    overlay = yaml.safe_load((repo / "build" / "deploy" / "kustomization.yaml").read_text())
    assert overlay["images"][0]["digest"] == DIGEST
    assert not any("undo" in call or "delete" in call for call in calls)


def test_a_rollout_that_fails_is_undone(deploy):
    result, calls = deploy(rollout=1)
    assert result.returncode == 1
    assert "the rollout of" in result.stderr and "the revision before, 7, serves on" in result.stderr
    assert any("rollout undo deployment/iris-api --to-revision 7" in call for call in calls)


def test_a_first_rollout_that_fails_leaves_nothing(deploy):
    result, calls = deploy(before="", rollout=1)
    assert result.returncode == 1
    assert any("delete deployment/iris-api" in call for call in calls)


def test_a_service_that_answers_500_is_undone(deploy, service):
    service.status = 500
    result, calls = deploy()
    assert result.returncode == 1
    assert "expected 200" in result.stderr
    assert result.stdout == ""
    assert any("rollout undo" in call for call in calls)


def test_what_did_not_change_the_template_undoes_no_other_release(deploy, service):
    """The same image again: the revision before the last is not what this deployment replaced."""
    service.status = 500
    result, calls = deploy(before="7", after="7")
    assert result.returncode == 1
    assert "nothing to undo: the Deployment's template is the one from before, revision 7" in result.stderr
    assert not any("undo" in call or "delete" in call for call in calls)


@pytest.mark.parametrize("after", ["11", "10"])
def test_after_a_cancelled_deployment_what_serves_is_kept(deploy, after):
    """Revision 10 was cut off in the middle; also when the same is deployed again, 9 is what served."""
    result, calls = deploy(before="10", serving="8\n9\n", after=after, rollout=1)
    assert result.returncode == 1
    assert any("rollout undo deployment/iris-api --to-revision 9" in call for call in calls)


@pytest.mark.parametrize(("after", "undone"), [("7", False), ("8", True)])
def test_of_manifests_that_are_refused_only_what_was_applied_is_undone(deploy, after, undone):
    result, calls = deploy(before="7", after=after, apply=1)
    assert result.returncode == 1
    assert any("--to-revision 7" in call for call in calls) == undone


def test_a_service_without_an_address_is_undone(deploy):
    result, calls = deploy(address="")
    assert result.returncode == 1
    assert "no external address" in result.stderr
    assert any("rollout undo" in call for call in calls)


@pytest.mark.parametrize("image", ["", "iris-api:latest", IMAGE[:-1], f"{IMAGE}; rm -rf x"])
def test_an_image_without_a_digest_is_refused_before_anything_is_asked(deploy, image):
    result, calls = deploy(image=image)
    assert result.returncode == 2
    assert calls == []


def test_a_service_of_another_model_is_undone(deploy, tmp_path):
    other = tmp_path / "other.json"
    other.write_text(json.dumps(EXAMPLE | {"answer": {"predictions": ["bad", "bad"]}}))
    result, calls = deploy(example=other)
    assert result.returncode == 1
    assert 'expected 200 and {"predictions": ["bad", "bad"]}' in result.stderr
    assert any("--to-revision 7" in call for call in calls)


def test_an_example_that_cannot_be_read_is_refused_before_anything_is_asked(deploy, tmp_path):
    result, calls = deploy(example=tmp_path / "nothing.json")
    assert result.returncode == 2
    assert "nothing.json: cannot be read" in result.stderr
    assert calls == []


@pytest.fixture
def rendered(repo, kustomize):
    """What the overlay of the last deployment would apply, by kind and name."""

    def render():
        found = kustomize(repo / "build" / "deploy")
        return {(each["kind"], each["metadata"]["name"]): each for each in found}

    return render


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("image", "runs"),
    [
        ("iris-api", "iris-api:latest"),
        ("localhost/iris-api:latest", "localhost/iris-api:latest"),
        ("localhost:5001/iris/iris-api", "localhost:5001/iris/iris-api:latest"),
        ("localhost:5001/iris-api:2026.1", "localhost:5001/iris-api:2026.1"),
    ],
)
def test_a_cluster_on_this_machine_runs_what_was_loaded_into_it(deploy, rendered, tmp_path, image, runs):
    """kind and minikube: no digest, no pull, no load balancer; asked through a port-forward."""
    result, calls = deploy(image, "--local")
    assert result.returncode == 0, result.stderr
    assert "answers as expected" in result.stderr
    assert "port-forward service/iris-api-lb 8080:80" in result.stderr
    assert result.stdout == ""
    assert not any("get service" in call for call in calls)
    found = rendered()
    container = found["Deployment", "iris-api"]["spec"]["template"]["spec"]["containers"][0]
    assert (container["image"], container["imagePullPolicy"]) == (runs, "Never")
    assert found["Service", "iris-api-lb"]["spec"]["type"] == "ClusterIP"
    assert not is_running(int((tmp_path / "calls.forwards").read_text()))


def test_a_local_service_that_answers_500_is_undone(deploy, service, tmp_path):
    service.status = 500
    result, calls = deploy("iris-api", "--local")
    assert result.returncode == 1
    assert "expected 200" in result.stderr
    assert any("--to-revision 7" in call for call in calls)
    assert not is_running(int((tmp_path / "calls.forwards").read_text()))


def test_a_port_that_cannot_be_forwarded_is_said(deploy):
    result, calls = deploy("iris-api", "--local", address="")
    assert result.returncode == 1
    assert "no port could be forwarded to the service" in result.stderr
    assert any("rollout undo" in call for call in calls)


@pytest.mark.parametrize("image", ["", IMAGE, "iris-api; rm -rf x", "iris api", "iris-api:"])
def test_a_local_image_that_is_no_name_is_refused_before_anything_is_asked(deploy, image):
    result, calls = deploy(image, "--local")
    assert result.returncode == 2
    assert "expected NAME or NAME:TAG" in result.stderr
    assert calls == []


def test_components_are_deployed_with_the_service(deploy, rendered):
    result, _ = deploy(components="pod-monitoring")
    assert result.returncode == 0, result.stderr
    found = rendered()
    assert ("PodMonitoring", "iris-api") in found
    container = found["Deployment", "iris-api"]["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == IMAGE
    assert "--admin-host=0.0.0.0" in container["args"]


def test_a_component_that_is_not_there_is_refused_before_anything_is_asked(deploy):
    result, calls = deploy(components="pod-monitoring ../x")
    assert result.returncode == 2
    assert "no '../x' in k8s/components; there is: admin-port pod-monitoring service-monitor" in result.stderr
    assert calls == []
