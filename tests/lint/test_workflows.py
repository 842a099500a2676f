"""What the linters do not know of our workflows: least rights, one command a step, known secrets."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

# Only what is secret: GitHub masks the value of a secret in every log, also where it is a word.
SECRETS = {"GCP_SA_KEY"}
VARIABLES = {
    "ARTIFACT_REGISTRY_REPOSITORY",
    "BUCKET_NAME",
    "GCP_PROJECT",
    "GCP_REGION",
    "GCP_SERVICE_ACCOUNT",
    "GCP_WORKLOAD_IDENTITY_PROVIDER",
    "GKE_CLUSTER_NAME",
    "GKE_CLUSTER_ZONE",
}
CLOUD = "needs.ready.outputs.ready == 'yes'"
COMMAND = re.compile(r"(\./run|scripts/|build/release/iris|gcloud|cat|echo) ?")


def workflows(repo):
    return sorted((repo / ".github" / "workflows").glob("*.yml"))


def load(path):
    workflow = yaml.safe_load(path.read_text())
    workflow["on"] = workflow.pop(True)  # YAML 1.1 reads `on` as a truth
    return workflow


def as_list(value):
    return value if isinstance(value, list) else [value]


def jobs_of(path):
    return load(path)["jobs"].items()


def test_the_reference_workflows_are_there(repo):
    names = {path.stem for path in workflows(repo)}
    assert names >= {"ci", "cd", "sanity", "cd_loadtest"}
    branches = {"branches": ["dev", "main"]}
    assert load(repo / ".github/workflows/ci.yml")["on"] == {"push": branches, "pull_request": branches}
    for name in ("cd.yml", "cd_loadtest.yml"):
        on = load(repo / ".github/workflows" / name)["on"]
        assert on == {
            "workflow_run": {"workflows": ["ci"], "types": ["completed"], "branches": ["main"]},
            "workflow_dispatch": None,
        }
    assert set(load(repo / ".github/workflows/sanity.yml")["on"]) == {"schedule", "workflow_dispatch"}


def test_no_right_is_given_that_a_job_does_not_name(repo):
    for path in workflows(repo):
        assert load(path)["permissions"] == {}, path.name
        for name, job in jobs_of(path):
            assert isinstance(job["permissions"], dict), f"{path.name}: {name}"


def test_only_the_comment_may_write_and_it_runs_no_code_of_the_pull_request(repo):
    for path in workflows(repo):
        for name, job in jobs_of(path):
            rights = {key for key, right in job["permissions"].items() if right == "write"}
            assert rights <= ({"pull-requests"} if path.stem == "comment" else {"id-token"}), name
    comment = (repo / ".github" / "workflows" / "comment.yml").read_text()
    assert "ref:" not in comment
    for _, job in jobs_of(repo / ".github/workflows/ci.yml"):
        pushed = "github.event_name == 'push'" in job.get("if", "")
        for asked in re.findall(r"\$\{\{[^}]*secrets\.[^}]*\}\}", str(job)):
            assert pushed or "github.event_name == 'push' &&" in asked, asked


def test_every_job_ends_and_none_meets_its_like(repo):
    for path in workflows(repo):
        workflow = load(path)
        assert "workflow_call" in workflow["on"] or "group" in workflow["concurrency"], path.name
        for name, job in jobs_of(path):
            assert "uses" in job or job["timeout-minutes"] <= 90, f"{path.name}: {name}"


def test_deployments_and_load_tests_wait_in_queues_of_their_own(repo):
    """By default a group holds one that waits: the next push would cancel it."""
    groups = [load(repo / ".github/workflows" / name)["concurrency"] for name in ("cd.yml", "cd_loadtest.yml")]
    assert len({each["group"] for each in groups}) == 2
    for group in groups:
        assert group["queue"] == "max" and group["cancel-in-progress"] is False


def test_every_queue_is_one_that_github_knows(repo):
    """actionlint does not know the key (.github/actionlint.yaml)."""
    for path in workflows(repo):
        workflow = load(path)
        for each in [workflow, *workflow["jobs"].values()]:
            group = each.get("concurrency", {})
            assert set(group) <= {"group", "cancel-in-progress", "queue"}, path.name
            assert group.get("queue", "single") in ("single", "max"), path.name
            assert group.get("queue") != "max" or group.get("cancel-in-progress") is not True, path.name


def test_every_step_is_one_command_that_a_developer_can_run(repo):
    for path in workflows(repo):
        for name, job in jobs_of(path):
            for step in job.get("steps", []):
                if "run" in step:
                    assert "\n" not in step["run"].strip(), f"{path.name}: {step['name']}"
                    assert COMMAND.match(step["run"]), f"{path.name}: {step['name']}"
                    script = step["run"].split()[0]
                    if script.startswith("scripts/"):
                        assert (repo / script).is_file(), script


@pytest.mark.parametrize(("kind", "names"), [("secrets", SECRETS), ("vars", VARIABLES)])
def test_every_setting_is_what_the_set_up_makes_it(repo, kind, names):
    used = set()
    for path in [*workflows(repo), *(repo / ".github" / "actions").rglob("*.yml")]:
        used |= set(re.findall(rf"{kind}\.([A-Z_]+)", path.read_text()))
    assert used == names
    up = (repo / "scripts" / "gcp" / "up.sh").read_text()
    made = {"secrets": "secret set", "vars": "(set_variable|variable set)"}[kind]
    assert all(re.search(rf"\b{made} {name}\b", up) for name in names)


@pytest.mark.parametrize("name", ["cd.yml", "cd_loadtest.yml"])
def test_nothing_is_deployed_before_ci_was_green_at_the_same_commit(repo, name):
    jobs = load(repo / ".github/workflows" / name)["jobs"]
    ready = jobs.pop("ready")
    assert ready["uses"] == "./.github/workflows/ready.yml"
    assert "workflow_run.conclusion == 'success'" in ready["if"]
    assert "workflow_run.event == 'push'" in ready["if"]
    commit = ready["with"]["commit"]
    assert commit == "${{ github.event.workflow_run.head_sha || github.sha }}"
    for job in jobs.values():
        needs = as_list(job["needs"])
        assert needs == ["image"] or (needs, job["if"]) == (["ready"], CLOUD)
        if "uses" in job:
            assert job["with"]["commit"] == commit
        for step in job.get("steps", []):
            if "checkout" in step.get("uses", ""):
                assert step["with"]["ref"] == commit
    steps = [step.get("run", "") for step in load(repo / ".github/workflows/ready.yml")["jobs"]["ready"]["steps"]]
    assert any(run.startswith('scripts/require-green-ci "$COMMIT"') for run in steps)
    for called in ("image.yml", "deploy.yml"):
        for _, job in jobs_of(repo / ".github/workflows" / called):
            checkout = next(step for step in job["steps"] if "checkout" in step.get("uses", ""))
            assert checkout["with"]["ref"] == "${{ inputs.commit }}"


@pytest.mark.parametrize("name", ["cd.yml", "cd_loadtest.yml", "sanity.yml"])
def test_without_google_cloud_a_workflow_skips(repo, name):
    jobs = load(repo / ".github/workflows" / name)["jobs"]
    assert jobs.pop("ready")["uses"] == "./.github/workflows/ready.yml"
    first = [job for job in jobs.values() if "image" not in as_list(job["needs"])]
    assert [(job["needs"], job["if"]) for job in first] == [("ready", CLOUD)]


def test_the_comment_is_green_without_a_report(repo):
    steps = load(repo / ".github/workflows/comment.yml")["jobs"]["comment"]["steps"]
    fetch = next(step for step in steps if "download-artifact" in step.get("uses", ""))
    # An artifact that is named and not there is an error of the action; a pattern may match none.
    assert fetch["with"]["pattern"] == "report" and "name" not in fetch["with"]
    assert any('--run "$RUN"' in step.get("run", "") for step in steps)


@pytest.mark.parametrize("folder", [".github/workflows", ".github/actions"])
def test_every_action_is_pinned_with_its_version_beside(repo, folder):
    for path in (repo / folder).rglob("*.yml"):
        for line in path.read_text().splitlines():
            if (match := re.search(r"uses: (\S+)(.*)", line)) and not match[1].startswith("./"):
                assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", match[1]), line
                assert re.fullmatch(r" # v\d+\.\d+\.\d+", match[2]), line


def test_a_hash_means_one_version(repo):
    versions = {}
    for path in (repo / ".github").rglob("*.yml"):
        for action, version in re.findall(r"uses: (\S+@[0-9a-f]{40}) # (v\S+)", path.read_text()):
            assert versions.setdefault(action, version) == version
            assert all(action == other or not other.startswith(action.split("@")[0] + "@") for other in versions)


# The first major of each action that runs on Node 24: Node 20 is gone from GitHub's runners.
NODE_24 = {
    "actions/cache": 5,
    "actions/checkout": 5,
    "actions/download-artifact": 7,
    "actions/upload-artifact": 6,
    "google-github-actions/auth": 3,
    "google-github-actions/setup-gcloud": 3,
}


def test_every_action_runs_on_what_the_runner_has(repo):
    for path in (repo / ".github").rglob("*.yml"):
        for action, major in re.findall(r"uses: ([\w./-]+)@[0-9a-f]{40} # v(\d+)", path.read_text()):
            assert int(major) >= NODE_24[action], f"{path.name}: {action} v{major}"


def test_what_is_pinned_is_kept_up_to_date(repo):
    updates = yaml.safe_load((repo / ".github" / "dependabot.yml").read_text())["updates"]
    watched = {each["package-ecosystem"]: each.get("directories", [each.get("directory")]) for each in updates}
    assert set(watched) == {"github-actions", "pip", "docker"}
    assert watched["github-actions"] == ["/", "/.github/actions/*"]
    pins = subprocess.run(
        ["git", "ls-files", "*requirements*.txt", "*Dockerfile"], cwd=repo, capture_output=True, text=True, check=True
    ).stdout.split()
    folders = {f"/{Path(each).parent}".removesuffix(".") for each in pins if not each.startswith("tests/")}
    assert folders == {*watched["pip"], *watched["docker"]}
