"""Sabotage of a deployment: its commit, its service, its load."""

from __future__ import annotations

import contextlib

import parts
from broken_data import content_of, replace
from sabotage import DEPLOY, NOTHING, Wrong, edit, mark_cluster, nothing_deployed, sabotage
from surroundings import World


@sabotage("gates red on main", NOTHING)
def gates_red(world):
    """The real conclusion of a red ci starts cd, which must do nothing."""
    data = content_of(world, "data/data.csv")
    replace(world, "data/data.csv", data.replace(b"setosa", b"tulip", 1))
    ci = world.push("gates")
    if ci.conclusion != "failure":
        raise Wrong("ci is not red")
    mark_cluster(world)
    run = yield lambda: world.after_ci("cd.yml", ci.conclusion)
    nothing_deployed(world)
    if any(step.result != "skipped" for step in run.steps):
        raise Wrong(f"{run.steps[0].job} ran")


@sabotage("a commit whose gates were red", "Was ci green?", "is not green but 'failure'")
def red_gates(world):
    world.github.ci["conclusion"] = "failure"
    mark_cluster(world)
    yield lambda: world.by_hand("cd.yml")
    nothing_deployed(world)


@sabotage("a cancelled run", "Was ci green?", "is not green but 'cancelled'")
def cancelled(world):
    world.github.ci["conclusion"] = "cancelled"
    mark_cluster(world)
    if world.after_ci("cd.yml", "cancelled").steps:
        raise Wrong("cd ran after a cancelled ci")
    yield lambda: world.by_hand("cd.yml")
    nothing_deployed(world)


@contextlib.contextmanager
def answering(world: World, status: int, body: dict):
    """The load balancer leads to a service that always answers so."""
    with parts.refusing(status, body) as url, world.cluster.answering(url):
        yield


def deploy(world: World) -> None:
    run = world.after_ci("cd.yml", "success")
    if run.status != 0:
        said = run.red.said if run.red else run.said
        raise Wrong(f"a deployment that nobody sabotages is red: {said[-2000:]}")


def another_commit(world: World) -> None:
    """So that there is another image to deploy."""
    (world.origin / "notes.txt").write_text("another commit\n")
    world.github.ci["head_sha"] = world.committed()


@sabotage("a Service that answers 500", DEPLOY, "expected 200", cluster=True)
def answers_500(world):
    """A new commit, so that there is something to undo: the image before serves on."""
    deploy(world)
    before = world.cluster.image()
    another_commit(world)
    with answering(world, 500, {"error": "broken"}):
        yield lambda: world.after_ci("cd.yml", "success")
    if world.cluster.image() != before:
        raise Wrong(f"{world.cluster.image()} serves, expected {before}")


@sabotage("a Service of another model", DEPLOY, "expected 200 and", cluster=True)
def another_model(world):
    with answering(world, 200, {"predictions": ["another"]}):
        yield lambda: world.after_ci("cd.yml", "success")


@sabotage("smoke fails, template unchanged", DEPLOY, "nothing to undo", cluster=True)
def unchanged(world):
    deploy(world)
    before = world.cluster.revision()
    with answering(world, 500, {"error": "broken"}):
        yield lambda: world.after_ci("cd.yml", "success")
    if world.cluster.revision() != before:
        raise Wrong(f"revision {world.cluster.revision()} serves, expected {before}")


@contextlib.contextmanager
def short_rollout(world: World):
    usual, world.environment["ROLLOUT_TIMEOUT_S"] = world.environment["ROLLOUT_TIMEOUT_S"], "5"
    try:
        yield
    finally:
        world.environment["ROLLOUT_TIMEOUT_S"] = usual


@sabotage("the first deploy fails", DEPLOY, "there was no revision before", cluster=True)
def first_deploy(world):
    world.cluster.remove()
    with world.cluster.failing_pods(), short_rollout(world):
        yield lambda: world.after_ci("cd.yml", "success")
    if world.cluster.image():
        raise Wrong("a Deployment is left")


def cut_off(world: World, before: str):
    """A deployment that is cancelled in the middle of a rollout that does not end."""
    return world.after_ci("cd.yml", "success", cancel_when=lambda: world.cluster.image() != before)


@sabotage("a cancelled deployment", DEPLOY, cluster=True)
def cancelled_deployment(world):
    """The next one is whole."""
    deploy(world)
    before = world.cluster.image()
    another_commit(world)
    with world.cluster.failing_pods():
        yield lambda: cut_off(world, before)
    if world.cluster.image() == before:
        raise Wrong("it was cancelled before anything was changed")
    deploy(world)


@sabotage("a failure after a cancelled one", DEPLOY, "the revision before", cluster=True)
def failure_after(world):
    """What served before both serves on, not what was cut off."""
    deploy(world)
    before = world.cluster.image()
    another_commit(world)
    with world.cluster.failing_pods(), short_rollout(world):
        cut_off(world, before)
        if world.cluster.image() == before:
            raise Wrong("it was cancelled before anything was changed")
        yield lambda: world.after_ci("cd.yml", "success")
        if world.cluster.image() != before:
            raise Wrong(f"{world.cluster.image()} serves, expected {before}")


@sabotage("an SLO missed", "Measure", "objective 0.1 ms", cluster=True)
def slo_missed(world):
    edit(world, "experiments/scaling.yaml", "{p99: 500ms}", "{p99: 100us}")
    world.github.ci["head_sha"] = world.committed()
    yield lambda: world.after_ci("cd_loadtest.yml", "success")


def report_of(world: World) -> str:
    return (world.runner.state / "artifacts" / str(world.runner.number) / "report" / "report.md").read_text()


@sabotage("no Google Cloud", NOTHING)
def no_cloud(world):
    """With a bucket the report names it; without a project the gates take the folder in git, and cd skips."""
    world.push("gates")
    if f"gs://{parts.BUCKET}/dvc" not in report_of(world):
        raise Wrong(f"the report does not name the bucket: {report_of(world)[-200:]}")
    variables = dict(world.variables)
    world.variables.clear()
    mark_cluster(world)
    try:
        run = yield lambda: world.push("gates")
        if "the folder in git" not in report_of(world):
            raise Wrong(f"the report does not name the folder: {report_of(world)[-200:]}")
        cd = world.after_ci("cd.yml", run.conclusion)
    finally:
        world.variables.update(variables)
    nothing_deployed(world)
    ran = {step.job.split("/")[0] for step in cd.steps if step.result != "skipped"}
    if cd.status != 0 or ran != {"Ready"}:
        raise Wrong(f"cd does not skip: {sorted(ran)} ran, exit status {cd.status}")
