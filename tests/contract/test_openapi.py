"""GET /openapi.json is the contract: schemathesis makes requests of it, right ones and wrong ones, and
holds every answer against it, with all its checks on."""

import os
import pathlib
import subprocess
import sys

import requests


def test_it_knows_the_model(server):
    document = requests.get(f"{server.url}/openapi.json", timeout=10).json()
    assert document["openapi"] == "3.1.0"
    schemas = document["components"]["schemas"]
    assert schemas["Label"]["enum"] == ["setosa", "versicolor", "virginica"]
    row = schemas["Instance"]["anyOf"][1]
    assert row["required"] == ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    assert document["components"]["parameters"]["model"]["schema"]["enum"] == ["model"]
    assert list(document["paths"]["/predict"]["post"]["responses"]) == [
        "200", "400", "405", "408", "413", "415", "429", "431", "501", "503"]


def run_schemathesis(url, tmp_path, *flags):
    """The seed is fixed, so that one commit has one result."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(pathlib.Path(__file__).parent),
        "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
    }
    program = pathlib.Path(sys.executable).parent / "schemathesis"
    return subprocess.run(
        [program, "run", url, "--checks", "all", "--mode", "all", "--seed", "1", "--no-color",
         "--max-examples", "15", "--max-time", "15", "--warnings", "off", *flags],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=90, check=False,
    )


def test_schemathesis_finds_nothing(server, tmp_path):
    result = run_schemathesis(f"{server.url}/openapi.json", tmp_path)
    assert result.returncode == 0, result.stdout
    print(result.stdout)


def test_schemathesis_finds_a_wrong_contract(server, tmp_path):
    """The gate above can fail: a document that promises another answer is found out."""
    document = requests.get(f"{server.url}/openapi.json", timeout=10).text
    wrong = tmp_path / "wrong.json"
    wrong.write_text(document.replace('"setosa"', '"rosa"'))
    result = run_schemathesis(str(wrong), tmp_path, "--url", server.url,
                              "--include-path", "/predict", "--phases", "examples")
    assert result.returncode == 1, result.stdout
    assert "Response violates schema" in result.stdout
