"""scripts/load-request: what wrk sends is what the model is known to answer, whatever the model is."""

import json
import shutil
import subprocess

import pytest
import yaml

SHIPPED = "k8s/loadtest/wrk-configmap.yaml"


@pytest.fixture
def write(repo, iris, tmp_path):
    """Writes into a copy of the ConfigMap: write(EXAMPLE…); the result, and the copy."""
    copy = tmp_path / "wrk-configmap.yaml"
    shutil.copy(repo / SHIPPED, copy)

    def run(*example):
        command = [repo / "scripts/load-request", *example, "--config-map", copy]
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=60, env={"IRIS_BIN": str(iris), "PATH": "/usr/bin"}
        )
        return result, copy

    return run


def test_the_shipped_request_is_that_of_the_shipped_model(repo, run_iris, write):
    assert run_iris("pull", "models/model.onnx").returncode == 0
    result, copy = write()
    assert result.returncode == 0, result.stderr
    assert copy.read_text() == (repo / SHIPPED).read_text()


def test_another_model_gets_its_own_load(repo, run_iris, write, start_server, tmp_path):
    """Two features and other classes: the Job's own script, run by wrk, is answered."""
    rows = [f"{x}.5,{-x},{'good' if x % 2 else 'bad'}" for x in range(1, 41)]
    (tmp_path / "data.csv").write_text("\n".join(["a,b,class", *rows]) + "\n")
    params = (repo / "params.yaml").read_text()
    params = params.replace("data/data.csv", str(tmp_path / "data.csv")).replace("species", "class")
    (tmp_path / "params.yaml").write_text(params)
    model = tmp_path / "model.onnx"
    trained = run_iris("train", "--params", tmp_path / "params.yaml", "--model", model,
                       "--metrics", tmp_path / "metrics.json")  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    (tmp_path / "example.json").write_text(run_iris("inspect", model, "--json").stdout)
    result, copy = write(tmp_path / "example.json")
    assert result.returncode == 0, result.stderr
    data = yaml.safe_load(copy.read_text())["data"]
    assert len(json.loads(data["request.json"])["instances"][0]) == 2
    # Where the Job mounts it.
    (tmp_path / "request.json").write_text(data["request.json"])
    script = tmp_path / "post.lua"
    script.write_text(data["post.lua"].replace("/scripts/", f"{tmp_path}/"))
    server = start_server(served=model)
    command = ["wrk", "-t1", "-c2", "-d1s", "-s", script, f"{server.url}/predict"]
    loaded = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert loaded.returncode == 0, loaded.stderr
    assert "Non-2xx" not in loaded.stdout
    # The rows of the Iris data, which were sent whatever the model was.
    (tmp_path / "request.json").write_text('{"instances": [[5.1, 3.5, 1.4, 0.2]]}\n')
    loaded = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert loaded.returncode == 1 and "no request got a good answer" in loaded.stderr


def test_the_probe_asks_what_wrk_asks(repo, iris, tmp_path):
    """An experiment without a body of its own takes it from the ConfigMap, and says so where there is none."""
    experiment = yaml.safe_load((repo / "experiments/scaling.yaml").read_text())
    assert "body" not in experiment["probe"]
    scripts = yaml.safe_load((repo / SHIPPED).read_text())
    del scripts["data"]["request.json"]
    (tmp_path / "scripts.yaml").write_text(yaml.safe_dump(scripts))
    experiment["manifests"]["scripts"] = str(tmp_path / "scripts.yaml")
    (tmp_path / "scaling.yaml").write_text(yaml.safe_dump(experiment))
    result = subprocess.run(
        [iris, "scale", tmp_path / "scaling.yaml", "--out", tmp_path / "out"],
        cwd=repo, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert result.returncode == 2
    assert f"scaling.yaml: probe.body: expected text, or the key 'request.json' in the ConfigMap of {tmp_path}" in result.stderr


def test_an_example_without_a_request_is_refused(write, tmp_path):
    (tmp_path / "example.json").write_text("{}")
    result, copy = write(tmp_path / "example.json")
    assert result.returncode == 2
    assert "no request with its answer" in result.stderr
    copy.write_text("data: {}\n")
    (tmp_path / "example.json").write_text(json.dumps({"request": {}, "answer": {}}))
    result, copy = write(tmp_path / "example.json")
    assert result.returncode == 2
    assert "expected request.json once, in one line" in result.stderr
