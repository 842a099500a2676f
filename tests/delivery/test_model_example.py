"""No script knows what a model is about: what is asked, and what must come back, is the model's own."""

import json
import re
import subprocess

import onnx
import pytest
import requests

PARAMS = """\
split: {test_fraction: 0.3, seed: 1}
model: {C: 1.0, max_iterations: 200}
evaluate: {min_accuracy: 0.0, max_accuracy_drop: 1.0}
"""
LABELS = ("café \"noir\"", "thé/vert", "12")


@pytest.fixture(scope="module")
def other_model(run_iris, tmp_path_factory):
    """A model with other columns, another number of them, and labels that JSON has to quote."""
    folder = tmp_path_factory.mktemp("other")
    rows = [f'{i % 3 * 10 + i % 7 / 10},{-(i % 3) * 4e5},"{LABELS[i % 3]}"' for i in range(90)]
    rows = [row.replace(LABELS[0], LABELS[0].replace('"', '""')) for row in rows]
    (folder / "data.csv").write_text("\n".join(["heat,cost,drink", *rows, ""]))
    (folder / "params.yaml").write_text(PARAMS)
    flags = ("--params", "params.yaml", "--data", "data.csv", "--model", "model.onnx", "--metrics", "m.json")
    trained = run_iris("train", *flags, cwd=folder)
    assert trained.returncode == 0, trained.stderr
    return folder / "model.onnx"


@pytest.fixture
def example_of(run_iris, tmp_path):
    """What inspect prints of a model, in a file."""

    def run(model):
        inspected = run_iris("inspect", model, "--json")
        assert inspected.returncode == 0, inspected.stderr
        path = tmp_path / f"{model.parent.name}.json"
        path.write_text(inspected.stdout)
        return path

    return run


@pytest.fixture
def served(iris):
    """Serves a model; returns its address."""
    servers = []

    def run(model):
        command = [iris, "serve", "--model", model, "--host", "127.0.0.1", "--port", "0", "--admin-port", "0"]
        server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        servers.append(server)
        for line in server.stderr:
            if found := re.search(r"on (http://127\.0\.0\.1:\d+)", line):
                return found[1]
        raise AssertionError("the server did not start")

    yield run
    for server in servers:
        server.terminate()
        server.communicate(timeout=30)


@pytest.fixture
def smoke(repo):
    def run(*arguments, **settings):
        command = [str(each) for each in (repo / "scripts" / "smoke", *arguments)]
        environment = {"PATH": "/usr/bin:/bin", "SMOKE_TIMEOUT_S": "0", **settings}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    return run


def without_golden_rows(path, to):
    model = onnx.load(path)
    kept = [each for each in model.metadata_props if each.key != "iris.golden_rows"]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    onnx.save(model, to)
    return to


def test_inspect_tells_a_request_and_the_answer_that_a_service_gives(other_model, example_of, served):
    example = json.loads(example_of(other_model).read_text())
    assert sorted(example["answer"]["predictions"]) == sorted(LABELS)
    assert all(len(row) == 2 for row in example["request"]["instances"])
    answer = requests.post(f"{served(other_model)}/predict", json=example["request"], timeout=10)
    assert (answer.status_code, answer.json()) == (200, example["answer"])


def test_a_model_without_golden_rows_has_an_example_as_well(other_model, example_of, served, tmp_path):
    bare = without_golden_rows(other_model, tmp_path / "bare.onnx")
    example = json.loads(example_of(bare).read_text())
    assert example["golden_rows_verified"] == 0
    assert example["request"] == {"instances": [[0, 0]]}
    answer = requests.post(f"{served(bare)}/predict", json=example["request"], timeout=10)
    assert (answer.status_code, answer.json()) == (200, example["answer"])


def test_any_model_passes_the_smoke_test(other_model, example_of, served, smoke):
    result = smoke(served(other_model), example_of(other_model))
    assert result.returncode == 0, result.stderr
    assert "answers as expected" in result.stderr


def test_another_model_than_the_one_that_was_built_fails_it(other_model, model, example_of, served, smoke):
    result = smoke(served(model), example_of(other_model))
    assert result.returncode == 1
    assert 'expected 200 and {"predictions":' in result.stderr and "found: 4" in result.stderr


def test_without_an_example_the_model_here_is_asked(repo, iris, run_iris, served, smoke):
    assert run_iris("pull", "models/model.onnx").returncode == 0
    result = smoke(served(repo / "models" / "model.onnx"), IRIS_BIN=str(iris))
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"request": {}}'])
def test_what_is_no_example_is_refused(smoke, tmp_path, text):
    path = tmp_path / "example.json"
    path.write_text(text)
    result = smoke("http://127.0.0.1:9", path)
    assert result.returncode == 2
    assert "no request with its answer" in result.stderr


def test_no_script_names_a_row_or_a_label_of_the_example_that_ships(repo):
    scripts = [repo / "run", *(path for path in (repo / "scripts").rglob("*") if path.is_file())]
    texts = {path.name: path.read_text() for path in scripts if path.suffix != ".pyc"}
    assert [name for name, text in texts.items() if re.search(r"setosa|versicolor|5\.1, ?3\.5", text)] == []
