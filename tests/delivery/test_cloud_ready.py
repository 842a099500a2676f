"""A repository without Google Cloud: the workflows that need it skip with one line."""

import os
import subprocess

import pytest

NAMES = (
    "GCP_PROJECT", "GCP_REGION", "GKE_CLUSTER_NAME", "GKE_CLUSTER_ZONE",
    "ARTIFACT_REGISTRY_REPOSITORY", "BUCKET_NAME", "IDENTITY",
)  # fmt: skip


@pytest.fixture
def ready(repo, tmp_path):
    def run(**settings):
        summary = tmp_path / "summary"
        summary.write_text("")
        # As a workflow passes them: what is not set is empty.
        settings = dict.fromkeys(NAMES, "") | settings
        result = subprocess.run(
            [repo / "scripts" / "cloud-ready"],
            env={"PATH": os.environ["PATH"], "GITHUB_STEP_SUMMARY": str(summary), **settings},
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        return result, summary.read_text()

    return run


def test_without_a_project_one_line_says_what_to_set(ready):
    result, summary = ready()
    assert (result.returncode, result.stdout) == (0, "ready=no\n")
    assert result.stderr.startswith("Skipped: ") and result.stderr.count("\n") == 1
    assert "scripts/gcp/up.sh" in summary and "GCP_PROJECT" in summary
    assert ready(GITHUB_ACTIONS="true")[0].stderr.startswith("::notice::Skipped: ")


def test_with_everything_it_is_ready_and_shows_no_value(ready):
    result, summary = ready(**dict.fromkeys(NAMES, "a-value"))
    assert (result.returncode, result.stdout, summary) == (0, "ready=yes\n", "")
    assert "a-value" not in result.stderr


@pytest.mark.parametrize("missing", NAMES)
def test_a_set_up_that_broke_off_is_red(ready, missing):
    result, _ = ready(**{name: "a-value" for name in NAMES if name != missing})
    assert (result.returncode, result.stdout) == (1, "")
    assert f"MISSING  {missing}" in result.stderr
