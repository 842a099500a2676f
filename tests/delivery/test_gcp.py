"""scripts/gcp against a gcloud, a gh and a kubectl that record what they are told."""

import os
import shutil
import subprocess

import pytest

# Answers every question about what is there with $THERE, and about marks with $MARK.
TOOL = """\
#!/usr/bin/env bash
echo "$(basename "$0") $*" >> "$CALLS"
# What FAILS names fails as often as it says: a pattern, a space, a number.
if [ -n "${FAILS:-}" ] && [[ "$(basename "$0") $*" == *"${FAILS% *}"* ]]; then
  count=$(grep -cF -- "${FAILS% *}" "$CALLS")
  [ "$count" -gt "${FAILS##* }" ] || { echo "ERROR: ${SAID:-refused}" >&2; exit 1; }
fi
case "$*" in
  'api repos/owner/name --jq .id') echo 4711 ;;
  *'projects describe'*) echo 123456 ;;
  'secret list'*) printf '%s' "${SECRETS:-}" ;;
  *'value(state)'*) echo "${STATE:-ACTIVE}" ;;
  *describe*--format*) if [ "$THERE" = 1 ]; then echo "$MARK"; else echo "ERROR: NOT_FOUND" >&2; exit 1; fi ;;
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
                "RETRY_PAUSE_S": "0",
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


@pytest.mark.parametrize(("there", "verb"), [(False, "create-oidc"), (True, "update-oidc")])
def test_only_this_repository_on_main_may_sign_in(gcp, there, verb):
    """By its id: another repository may get the name, and any branch may name an environment."""
    _, calls = gcp("up.sh", there=there)
    condition = next(each for each in calls if verb in each)
    assert "assertion.repository_id == '4711' && assertion.ref == 'refs/heads/main'" in condition
    member = next(each for each in calls if "roles/iam.workloadIdentityUser" in each)
    assert member.endswith("/attribute.repository_id/4711")
    assert not any("keys create" in each for each in calls)


def test_nodes_run_as_an_account_of_their_own(gcp):
    for mode in ("standard", "autopilot"):
        _, calls = gcp("up.sh", CLUSTER_MODE=mode)
        made = next(each for each in calls if "clusters create" in each)
        assert "--service-account iris-nodes@project.iam.gserviceaccount.com" in made
        assert not any("-compute@developer" in each for each in calls)
    _, calls = gcp("down.sh", there=True, mark="iris-up")
    assert any("service-accounts delete iris-nodes@" in each for each in calls)


def test_the_nodes_are_settings(gcp):
    _, calls = gcp("up.sh", MACHINE_TYPE="e2-small", NODE_COUNT="3", SPOT="yes")
    made = next(each for each in calls if "clusters create" in each)
    assert "--num-nodes 3 --machine-type e2-small --spot" in made
    assert "--spot" not in next(each for each in gcp("up.sh")[1] if "clusters create" in each)


def test_a_new_account_that_is_not_visible_yet_is_waited_for(gcp):
    result, calls = gcp("up.sh", FAILS="storage buckets add-iam-policy-binding 5")
    assert result.returncode == 0, result.stderr
    assert sum("storage buckets add-iam-policy-binding" in each for each in calls) == 6
    result, calls = gcp("up.sh", FAILS="storage buckets add-iam-policy-binding 99")
    assert result.returncode == 1
    assert sum("storage buckets add-iam-policy-binding" in each for each in calls) == 12


def test_without_environments_the_set_up_goes_on(gcp):
    """GitHub has them for private repositories on paid plans only."""
    result, _ = gcp("up.sh", FAILS="gh api --silent --method PUT 99")
    assert result.returncode == 0, result.stderr
    assert "needs a paid plan" in result.stdout and "# Done." in result.stdout


def removed_of(calls):
    return [each for each in calls if " delete " in each or " rm " in each]


@pytest.mark.parametrize(
    ("fails", "said"),
    [
        ("kubectl delete namespace", "the namespace iris: its load balancer may be left"),
        ("clusters get-credentials", "the namespace iris, since the cluster gives no credentials"),
        ("clusters delete", "cluster iris"),
        ("repositories delete", "image repository iris"),
        ("storage rm", "bucket project-iris-dvc"),
    ],
)
def test_down_goes_on_and_says_what_is_left(gcp, fails, said):
    result, calls = gcp("down.sh", there=True, mark="iris-up", FAILS=f"{fails} 99")
    assert result.returncode == 1
    assert f"down.sh:   {said}" in result.stderr
    removed = removed_of(calls)
    for what in ("clusters delete", "repositories delete", "rm --recursive", "service-accounts delete"):
        assert any(what in each for each in removed), what
    # kubectl's context would be another cluster's.
    assert fails != "clusters get-credentials" or not any(each.startswith("kubectl") for each in calls)


def test_down_goes_on_without_kubectl(gcp, tmp_path):
    tools = tmp_path / "few"
    tools.mkdir()
    for name in ("bash", "basename", "cat", "dirname", "git", "grep", "mktemp", "rm", "sed"):
        (tools / name).symlink_to(shutil.which(name))
    for name in ("gcloud", "gh"):
        (tools / name).symlink_to(tmp_path / "bin" / name)
    result, calls = gcp("down.sh", there=True, mark="iris-up", PATH=str(tools))
    assert result.returncode == 1
    assert "kubectl is not installed: its load balancer may be left" in result.stderr
    assert any("clusters delete iris" in each for each in calls)


def test_what_cannot_be_asked_is_not_taken_for_absent(gcp):
    result, _ = gcp("down.sh", there=True, mark="iris-up", FAILS="gcloud 9999", SAID="Reauthentication failed")
    assert result.returncode == 1
    assert "storage buckets describe gs://project-iris-dvc could not be asked" in result.stderr


def test_the_roles_are_the_least(gcp):
    _, calls = gcp("up.sh")
    roles = {word for each in calls for word in each.split() if word.startswith("roles/")}
    assert roles == {
        "roles/storage.objectUser",
        "roles/artifactregistry.writer",
        "roles/artifactregistry.reader",
        "roles/container.defaultNodeServiceAccount",
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
        ({"MACHINE_TYPE": "e2 --x"}, "expected a machine type"),
        ({"NODE_COUNT": "0"}, "expected 1 to 99"),
        ({"SPOT": "maybe"}, "expected yes or no"),
        ({"CLUSTER_MODE": "big"}, "expected standard or autopilot"),
    ],
)
def test_wrong_settings_are_refused(gcp, settings, said):
    result, calls = gcp("up.sh", **settings)
    assert result.returncode == 2
    assert said in result.stderr
    assert calls == []
