"""scripts/gcp against a gcloud, a gh and a kubectl that record what they are told."""

import os
import subprocess

import pytest

# Answers every question about what is there with $THERE, and about marks with $MARK.
TOOL = """\
#!/usr/bin/env bash
echo "$(basename "$0") $*" >> "$CALLS"
case "$*" in
  *'projects describe'*) echo 123456 ;;
  'secret list'*) printf '%s' "${SECRETS:-}" ;;
  *'value(state)'*) echo "${STATE:-ACTIVE}" ;;
  *describe*--format*) [ "$THERE" = 1 ] && echo "$MARK" ;;
  *describe*) [ "$THERE" = 1 ] ;;
  *'keys create'*) printf '{"type": "service_account", "%s": 1}' private_key > "$7" ;;
esac
"""
CHANGES = (" create", " delete", " rm ", " add-iam", " set ", " update", " enable", " undelete")


@pytest.fixture
def gcp(repo, tmp_path):
    for name in ("gcloud", "gh", "kubectl"):
        tool = tmp_path / "bin" / name
        tool.parent.mkdir(exist_ok=True)
        tool.write_text(TOOL)
        tool.chmod(0o755)
    calls = tmp_path / "calls"

    def run(script, *flags, there=False, mark="", **settings):
        calls.write_text("")
        result = subprocess.run(
            [repo / "scripts" / "gcp" / script, *flags],
            env={
                **os.environ,
                "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
                "CALLS": str(calls),
                "THERE": str(int(there)),
                "MARK": mark,
                "GCP_PROJECT": "project",
                "GITHUB_REPOSITORY": "owner/name",
                **settings,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return result, calls.read_text().splitlines()

    return run


def made(calls):
    """What was created, of the calls."""
    return [each for each in calls if " create" in each]


@pytest.mark.parametrize("script", ["up.sh", "down.sh"])
@pytest.mark.parametrize("identity", ["federation", "key"])
def test_a_dry_run_prints_and_does_nothing(gcp, script, identity):
    result, calls = gcp(script, "--dry-run", IDENTITY=identity)
    assert result.returncode == 0, result.stderr
    assert calls == []
    assert sum(line.startswith("+ ") for line in result.stdout.splitlines()) > 10


def test_up_does_what_its_dry_run_prints(gcp):
    printed = gcp("up.sh", "--dry-run")[0].stdout.splitlines()
    result, calls = gcp("up.sh")
    assert result.returncode == 0, result.stderr
    planned = [line for line in printed if line.startswith("+ ")]
    changed = [each for each in calls if any(word in f"{each} " for word in CHANGES)]
    changed += [each for each in calls if "--method PUT" in each]
    assert len(changed) == len(planned)


def test_up_again_makes_nothing_anew(gcp):
    result, calls = gcp("up.sh", there=True)
    assert result.returncode == 0, result.stderr
    assert made(calls) == []


def test_up_brings_back_a_deleted_pool(gcp):
    _, calls = gcp("up.sh", there=True, STATE="DELETED")
    assert any("workload-identity-pools undelete iris-github" in each for each in calls)


def test_only_this_repository_may_sign_in(gcp):
    _, calls = gcp("up.sh")
    condition = next(each for each in calls if "create-oidc" in each)
    assert "assertion.repository == 'owner/name'" in condition
    assert not any("keys create" in each for each in calls)


def test_the_roles_are_the_least(gcp):
    _, calls = gcp("up.sh")
    roles = {word for each in calls for word in each.split() if word.startswith("roles/")}
    assert roles == {
        "roles/storage.objectUser",
        "roles/artifactregistry.writer",
        "roles/artifactregistry.reader",
        "roles/container.developer",
        "roles/iam.workloadIdentityUser",
    }


def test_a_key_is_not_shown(gcp):
    result, calls = gcp("up.sh", IDENTITY="key")
    assert result.returncode == 0, result.stderr
    assert any("keys create" in each for each in calls)
    assert any("gh secret set GCP_SA_KEY" in each for each in calls)
    assert "private_key" not in result.stdout + result.stderr


def test_what_is_not_secret_is_a_variable(gcp):
    """GitHub masks the value of a secret in every log: `iris` would be `***`."""
    result, calls = gcp("up.sh", SECRETS="GCP_REGION\t2026-01-01\n")
    assert not any("secret set" in each for each in calls)
    for name in ("GCP_PROJECT", "GKE_CLUSTER_NAME", "ARTIFACT_REGISTRY_REPOSITORY", "BUCKET_NAME"):
        assert any(f"gh variable set {name} " in each for each in calls), name
    assert "# GCP_REGION is a secret as well" in result.stdout
    assert "GKE_CLUSTER_NAME is a secret" not in result.stdout
    _, calls = gcp("down.sh", there=True, mark="iris-up")
    assert any("gh variable delete GKE_CLUSTER_NAME" in each for each in calls)


def test_down_removes_what_up_marked(gcp):
    result, calls = gcp("down.sh", there=True, mark="iris-up")
    assert result.returncode == 0, result.stderr
    removed = [each for each in calls if " delete " in each or " rm " in each]
    for what in ("clusters delete iris", "repositories delete iris", "rm --recursive gs://project-iris"):
        assert any(what in each for each in removed), what


@pytest.mark.parametrize(
    ("identity", "ours", "not_ours"),
    [
        ("key", "secret delete GCP_SA_KEY", "variable delete GCP_SERVICE_ACCOUNT"),
        ("federation", "variable delete GCP_SERVICE_ACCOUNT", "GCP_SA_KEY"),
    ],
)
def test_down_leaves_the_other_way_to_sign_in(gcp, identity, ours, not_ours):
    _, calls = gcp("down.sh", there=True, mark="iris-up", IDENTITY=identity)
    assert any(ours in each for each in calls)
    assert not any(not_ours in each for each in calls)


@pytest.mark.parametrize("mark", ["", "someone-else"])
def test_down_leaves_what_is_not_marked(gcp, mark):
    result, calls = gcp("down.sh", there=True, mark=mark)
    assert result.returncode == 0, result.stderr
    assert not any(each.startswith("gcloud") and " delete " in each for each in calls)
    assert not any(" rm " in each or each.startswith("kubectl") for each in calls)
    assert "kept:" in result.stdout


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"GCP_PROJECT": ""}, "GCP_PROJECT is not set"),
        ({"GITHUB_REPOSITORY": "nonsense"}, "expected owner/name"),
        ({"IDENTITY": "password"}, "expected federation or key"),
        ({"CLUSTER_MODE": "big"}, "expected standard or autopilot"),
    ],
)
def test_wrong_settings_are_refused(gcp, settings, said):
    result, calls = gcp("up.sh", **settings)
    assert result.returncode == 2
    assert said in result.stderr
    assert calls == []
