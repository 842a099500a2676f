"""What a cluster lacks is found before anything is changed: exit 3, and what to do."""

import os
import pathlib

import yaml


def check(scale, server, path, *more, **kwargs):
    """A run that must end before it changes anything."""
    done = scale(path, *more, **kwargs)
    if server is not None:
        assert server.changes() == []
    assert not (path.parent / "out").exists()
    return done


def test_a_cluster_that_has_everything(cluster, experiment, scale):
    server = cluster()
    done = check(scale, server, experiment(), "--check-only")
    assert done.returncode == 0, done.stderr
    assert "context 'stand-in', Kubernetes 1.34.1" in done.stderr
    assert "nothing was changed" in done.stderr
    asked = [path for method, path in server.requests if method == "POST" and "dryRun" in path]
    assert {path.split("?")[0].rsplit("/", 1)[1] for path in asked} == {
        "configmaps",
        "deployments",
        "horizontalpodautoscalers",
        "jobs",
        "serviceaccounts",
        "services",
    }


def test_no_metrics_server(cluster, experiment, scale):
    server = cluster()
    server.missing.add("metrics.k8s.io/v1beta1")
    done = check(scale, server, experiment(), "--check-only")
    assert done.returncode == 3, done.stderr
    assert "no metrics" in done.stderr and "install metrics-server: kubectl apply" in done.stderr


def test_a_server_without_autoscaling_v2(cluster, experiment, scale):
    server = cluster()
    server.missing.add("autoscaling/v2")
    done = check(scale, server, experiment(), "--check-only")
    assert done.returncode == 3, done.stderr
    assert "no API autoscaling/v2" in done.stderr


def test_forbidden(cluster, experiment, scale):
    server = cluster()
    server.forbidden |= {("create", "deployments"), ("get", "pods/proxy")}
    done = check(scale, server, experiment(), "--check-only")
    assert done.returncode == 3, done.stderr
    assert "may not: create deployments.apps, get pods/proxy" in done.stderr
    assert "kubectl auth can-i create deployments.apps" in done.stderr


def test_credentials_that_the_server_does_not_take(cluster, experiment, scale):
    server = cluster()
    server.unauthorized = True
    done = check(scale, server, experiment(), "--check-only")
    assert done.returncode == 3, done.stderr
    assert "does not accept these credentials" in done.stderr


def test_all_that_is_missing_is_said_at_once(cluster, experiment, scale):
    server = cluster()
    server.missing.add("metrics.k8s.io/v1beta1")
    server.forbidden.add(("create", "jobs"))
    done = check(scale, server, experiment(), "--check-only", "--namespace", "nowhere")
    assert done.returncode == 3, done.stderr
    for part in ("no metrics", "create jobs.batch", "--namespace: 'nowhere' does not exist"):
        assert part in done.stderr


def test_a_manifest_that_the_cluster_refuses(cluster, experiment, scale):
    def refuse(thing):
        return "spec.replicas: must not be 2" if thing["kind"] == "Deployment" else None

    server = cluster(admit=refuse)
    done = check(scale, server, experiment(), "--check-only")
    assert done.returncode == 3, done.stderr
    assert "does not take the manifests" in done.stderr
    assert "spec.replicas: must not be 2" in done.stderr


def test_no_server(cluster, experiment, scale):
    cluster().stop_listening()
    done = check(scale, None, experiment(), "--check-only")
    assert done.returncode == 3, done.stderr
    assert "context 'stand-in': cannot reach the cluster" in done.stderr


def test_no_context(experiment, scale):
    done = check(scale, None, experiment(), "--check-only")
    assert done.returncode == 3, done.stderr
    assert "kubectl has no current context" in done.stderr
    assert "kubectl config use-context NAME" in done.stderr


def test_no_kubectl(experiment, scale, tmp_path):
    git_alone = tmp_path / "bin"
    git_alone.mkdir()
    done = check(scale, None, experiment(), "--check-only", env={"PATH": str(git_alone)})
    assert done.returncode == 3, done.stderr
    assert "apt-get install kubernetes-client" in done.stderr


def test_flags_of_the_other_target(experiment, scale, run_iris):
    done = scale(experiment(), "--cpu-factor", "0.5")
    assert done.returncode == 2
    assert "--cpu-factor: only for --target local" in done.stderr
    done = run_iris("scale", experiment(), "--check-only")
    assert done.returncode == 2
    assert "--check-only: only for --target kubernetes" in done.stderr


def test_a_manifest_of_a_kind_that_cannot_be_undone(cluster, experiment, scale, tmp_path):
    server = cluster()
    role = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}}
    (tmp_path / "secret.yaml").write_text(yaml.safe_dump(role))
    path = experiment()
    document = yaml.safe_load(pathlib.Path(path).read_text())
    document["manifests"]["cluster"].append(os.fspath(tmp_path / "secret.yaml"))
    path.write_text(yaml.safe_dump(document))
    done = check(scale, server, path, "--check-only")
    assert done.returncode == 2, done.stderr
    assert "secret.yaml: kind: 'Secret'" in done.stderr
