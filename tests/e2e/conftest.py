"""What several scenarios need."""

import pytest


@pytest.fixture(scope="session")
def models(run_iris, model, repo, tmp_path_factory):
    """Two models of the same signature that answer differently, as bytes."""
    folder = tmp_path_factory.mktemp("models")
    params = (repo / "params.yaml").read_text()
    assert "C: 1.0" in params
    (folder / "params.yaml").write_text(params.replace("C: 1.0", "C: 0.01"))
    other = run_iris(
        "train", "--params", folder / "params.yaml", "--model", folder / "other.onnx",
        "--metrics", folder / "metrics.json",
    )
    assert other.returncode == 0, other.stderr
    return model.read_bytes(), (folder / "other.onnx").read_bytes()
