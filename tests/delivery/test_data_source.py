"""From where the gates take the data: the bucket where there are credentials, else the folder in git."""

import os
import subprocess

import pytest


@pytest.mark.parametrize(
    ("bucket", "identity", "expected"),
    [("data", "a-key", "data"), ("data", "", ""), ("", "a-key", ""), ("", "", "")],
)
def test_the_bucket_needs_a_name_and_a_credential(repo, bucket, identity, expected):
    result = subprocess.run(
        [repo / "scripts" / "data-source"],
        env={**os.environ, "BUCKET_NAME": bucket, "IDENTITY": identity},
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert result.stdout == f"bucket={expected}\n"
    assert "a-key" not in result.stderr
    assert ("the folder in git" in result.stderr) == (expected == "")


@pytest.mark.parametrize(
    ("bucket", "says"), [("my-bucket", "DVC objects from gs://my-bucket/dvc"), ("", "DVC objects from the folder in git")]
)
def test_the_report_says_it_in_any_case(repo, tmp_path, bucket, says):
    """Also of gates that are red at the first command."""
    checkout = tmp_path / "checkout"
    subprocess.run(["git", "clone", "--quiet", repo, checkout], check=True)
    subprocess.run([checkout / "scripts" / "use-bucket", bucket], check=True, capture_output=True)
    result = subprocess.run(
        [checkout / "scripts" / "gates"],
        env={**os.environ, "IRIS_BIN": "false"},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert result.returncode == 1
    assert says in (checkout / "report.md").read_text()
