"""Sabotage, one at a time: what is broken, how the workflow is started, which step must go red, and what a
person must then read.

A sabotage is a generator: it changes the world (its repository, which is then committed, or what stands
around it), yields what starts the workflow, gets the run, and may look at what the run left behind. The
repository itself is put back by the caller.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Generator

from runner import Run
from surroundings import World

Start = Callable[[], Run]
NOTHING = ""  # no step may be red

GATES = "Pull, check, train, evaluate"
BUILD = "Build and check"
DEPLOY = "Deploy, wait, ask, undo what fails"


@dataclasses.dataclass
class Sabotage:
    name: str
    step: str  # that must go red
    says: str  # of its message
    change: Callable[[World], Generator[Start, Run, None]]
    image: bool = False  # needs a container engine
    cluster: bool = False  # breaks the cluster: not that of --kubeconfig


ALL: list[Sabotage] = []


class Wrong(Exception):
    """What a run left behind and may not have."""


def sabotage(name: str, step: str, says: str = "", **needs: bool):
    """Adds a function as a sabotage."""

    def add(function):
        ALL.append(Sabotage(name, step, says, function, **needs))
        return function

    return add


def message_of(said: str, says: str) -> str:
    """The line that tells what is wrong."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return next((line for line in lines if says and says in line), lines[-1] if lines else "")[:400]


def judge(each: Sabotage, run: Run) -> tuple[bool, str, str]:
    """Whether it ended as it must, the step that turned red and its message."""
    red = run.red
    if each.step == NOTHING:
        ran = f"{len(run.steps)} steps ran, none red" if run.steps else "nothing ran"
        return run.status == 0 and red is None, red.name if red else "—", message_of(red.said, "") if red else ran
    if red is None:
        return False, "—", message_of(run.said, "") or "nothing went red"
    right = red.name == each.step and each.says in red.said and run.status != 0
    return right, red.name, message_of(red.said, each.says)


def run(world: World, each: Sabotage) -> bool:
    """Breaks, runs, says what came of it, and puts together again."""
    world.whole_again()
    steps = each.change(world)
    right, red, message, workflow = False, "—", "", ""
    try:
        done = next(steps)()
        workflow = done.workflow
        right, red, message = judge(each, done)
        with contextlib.suppress(StopIteration):
            steps.send(done)
    except Wrong as wrong:
        right, message = False, str(wrong)
    finally:
        steps.close()
    verdict = "as it must" if right else f"WRONG: expected {each.step or 'nothing red'}, '{each.says}'"
    print(f"{each.name:36} {workflow:14} {red:36} {verdict}\n    {message}", flush=True)
    return right


def edit(world: World, path: str, old: str, new: str) -> None:
    text = (world.origin / path).read_text()
    if old not in text:
        raise RuntimeError(f"{path} holds no {old!r}: this sabotage is out of date")
    (world.origin / path).write_text(text.replace(old, new, 1))


def nothing_deployed(world: World) -> None:
    """Since the cluster's mark."""
    if world.cluster and (changed := world.cluster.changed()):
        raise Wrong(f"the cluster was changed: {changed}")


def mark_cluster(world: World) -> None:
    if world.cluster:
        world.cluster.mark()
