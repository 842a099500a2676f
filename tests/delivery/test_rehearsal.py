"""The rehearsal without containers: the workflows are green, every sabotage turns the right step red, and its
own verdict is red where one does not."""

import subprocess
import sys
from types import SimpleNamespace

import pytest


@pytest.fixture
def rehearsal(repo, monkeypatch):
    monkeypatch.syspath_prepend(str(repo / "tests" / "rehearse"))
    import rehearse
    import runner
    import sabotage

    return SimpleNamespace(runner=runner, sabotage=sabotage, way=rehearse)


def rehearse(repo, *flags, **environment):
    return subprocess.run(
        [sys.executable, repo / "tests" / "rehearse" / "rehearse.py", "--no-image", *flags],
        env=environment or None,
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )


def test_the_workflows_are_green_and_every_sabotage_is_seen(repo, iris):
    result = rehearse(repo)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "WRONG" not in result.stdout
    assert result.stdout.count("as it must") >= 27


def test_it_says_so_when_a_workflow_is_not_green(repo, iris, tmp_path):
    program = tmp_path / "iris"
    # A model is pulled and served; no model is good enough.
    program.write_text(
        f'#!/bin/sh\n[ "$1" != evaluate ] || {{ echo broken >&2; exit 1; }}\nexec "{iris}" "$@"\n'
    )
    program.chmod(0o755)
    result = rehearse(repo, PATH="/usr/local/bin:/usr/bin:/bin", IRIS_BIN=str(program))
    assert result.returncode == 1
    assert "RED    ci.yml: Pull, check, train, evaluate" in result.stdout and "broken" in result.stdout


def run_of(rehearsal, *results, status=1):
    steps = [rehearsal.runner.Step("ci/Gates", name, result, said) for name, result, said in results]
    return rehearsal.runner.Run("ci.yml", steps, status, "")


@pytest.mark.parametrize(
    ("step", "says", "results", "status", "right"),
    [
        ("Gate", "tulip", [("Gate", "failure", "found tulip\n")], 1, True),
        # Nothing turned red.
        ("Gate", "tulip", [("Gate", "success", "found tulip\n")], 0, False),
        # Another step did, also where the right one did after it.
        ("Gate", "tulip", [("Check out", "failure", "tulip\n"), ("Gate", "failure", "tulip\n")], 1, False),
        # The right step, with a message that says something else.
        ("Gate", "tulip", [("Gate", "failure", "exit status 1\n")], 1, False),
        # A step failed, and the run is green all the same.
        ("Gate", "tulip", [("Gate", "failure", "tulip\n")], 0, False),
        # Nothing may be red.
        ("", "", [("Gate", "success", "")], 0, True),
        ("", "", [], 0, True),
        ("", "", [("Gate", "failure", "")], 1, False),
    ],
)
def test_a_sabotage_that_turns_another_step_red_fails(rehearsal, step, says, results, status, right):
    each = rehearsal.sabotage.Sabotage("a name", step, says, None)
    verdict, _, _ = rehearsal.sabotage.judge(each, run_of(rehearsal, *results, status=status))
    assert verdict == right


@pytest.mark.parametrize(
    ("jobs", "results", "status", "says"),
    [
        ({"Gates"}, [("Gate", "success", "")], 0, ""),
        ({"Gates"}, [("Gate", "failure", "found tulip\n")], 1, "found tulip"),
        ({"Gates"}, [], 1, "no step is red"),
        # Skipped where it must run, and the other way round.
        ({"Gates"}, [], 0, "expected the jobs ['Gates'], found []"),
        ({"Gates"}, [("Gate", "skipped", "")], 0, "expected the jobs ['Gates'], found []"),
        (set(), [("Gate", "success", "")], 0, "expected the jobs [], found ['Gates']"),
    ],
)
def test_a_workflow_that_skips_what_it_must_do_is_not_green(rehearsal, jobs, results, status, says):
    leg = rehearsal.way.Leg("push", None, jobs)
    wrong = rehearsal.way.wrong_with(leg, run_of(rehearsal, *results, status=status))
    assert says in wrong and bool(says) == bool(wrong)


def test_what_a_run_left_behind_fails_it_too(rehearsal, capsys):
    def change(world):
        yield lambda: run_of(rehearsal, status=0)
        raise rehearsal.sabotage.Wrong("the cluster was changed")

    world = SimpleNamespace(whole_again=lambda: None)
    each = rehearsal.sabotage.Sabotage("a name", "", "", change)
    assert rehearsal.sabotage.run(world, each) is False
    assert "the cluster was changed" in capsys.readouterr().out


def test_every_bound_is_a_command_of_the_workflows(repo, rehearsal):
    """A bound of a command that no workflow has any more would silently run the new one in full."""
    text = "\n".join(path.read_text() for path in (repo / ".github" / "workflows").glob("*.yml"))
    for each in rehearsal.runner.BOUNDED + rehearsal.runner.WITHOUT_IMAGES:
        changed = rehearsal.runner.bounded(text, [each])
        assert changed.count("run: ") == text.count("run: ")
        assert each.command in text and changed != rehearsal.runner.bounded(text, []), each.command


def test_every_action_has_a_stand_in(repo, rehearsal):
    for path in (repo / ".github").rglob("*.yml"):
        for name, action in rehearsal.runner.USES.findall(path.read_text()):
            assert (rehearsal.runner.ACTIONS / action / "action.yml").is_file(), name


def test_a_changed_stand_in_is_seen(rehearsal, tmp_path):
    import stand_in

    manifest = tmp_path / "namespace.yaml"
    manifest.write_text("{apiVersion: v1, kind: Namespace, metadata: {name: another}}")
    with stand_in.running(tmp_path / "kubeconfig", "127.0.0.1:1") as cluster:
        for command in ("create", "delete"):
            cluster.mark()
            assert cluster.changed() == ""
            cluster.kubectl(command, "-f", str(manifest))
            assert "/namespaces" in cluster.changed()


@pytest.mark.parametrize("after", ["Deployment/a 1 2", "Deployment/a 1 1\nService/b 2 1", ""])
def test_a_changed_cluster_is_seen_by_its_objects(rehearsal, monkeypatch, after):
    from clusters import Real

    specs = ["Deployment/a 1 1", "Deployment/a 1 1", after]
    monkeypatch.setattr(Real, "specs", lambda self: specs.pop(0))
    cluster = Real.__new__(Real)
    cluster.mark()
    assert cluster.changed() == ""
    assert cluster.changed() != ""


@pytest.mark.parametrize(("line", "seen"), [("masked: ***", False), ("rehearsal-canary", True), ("ghp_" + "a1" * 18, True)])
def test_a_secret_in_a_log_is_seen(rehearsal, tmp_path, line, seen):
    (tmp_path / "01-ci.yml.log").write_text(f"a step said {line}\n")
    assert ("01-ci.yml.log" in rehearsal.way.secrets_in(tmp_path)) == seen
