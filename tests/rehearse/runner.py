"""Runs workflow files with act, an interpreter of GitHub's workflows, on this machine.

act reads a copy of the workflows, in which two things differ: `concurrency.queue` is left out, which it does
not know, and what takes an hour is bounded (BOUNDED; each is printed). Actions of others are stand-ins,
tests/rehearse/actions/.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
ACTIONS = HERE / "actions"
USES = re.compile(r"uses: ([\w-]+/([\w-]+)@[\w.]+)")


@dataclasses.dataclass(frozen=True)
class Bound:
    """A command of a workflow that act is not given, what it runs in its place, and what is therefore not run."""

    command: str
    instead: str
    not_executed: str


BOUNDED = [
    Bound(
        "./run test",
        '"$REHEARSAL_PYTHON" -m pytest -q -p no:cacheprovider tests/contract/test_manifests.py',
        "all tests but those of the manifests",
    ),
    Bound("./run lint", "scripts/lint delivery", "clang-tidy, the linters of C++"),
]
WITHOUT_IMAGES = [
    Bound("./run image", "./run build && build/release/iris pull", "the images: built, checked"),
    Bound(
        'gcloud auth print-access-token | scripts/image login "$GCP_REGION-docker.pkg.dev"',
        "gcloud auth print-access-token >/dev/null",
        "the registry's sign-in",
    ),
    Bound(
        'scripts/image push "$GCP_REGION-docker.pkg.dev/$GCP_PROJECT/$REPOSITORY" >> "$GITHUB_OUTPUT"',
        'mkdir -p build/image-sbom && echo {} > build/image-sbom/none.json && "$REHEARSAL/no-digests" >> "$GITHUB_OUTPUT"',
        "the push; digests are made up from the commit",
    ),
]


@dataclasses.dataclass
class Step:
    """A step of a job that act came to."""

    job: str
    name: str
    result: str = "not ended"
    said: str = ""


@dataclasses.dataclass
class Run:
    """What act executed of one workflow for one event."""

    workflow: str
    steps: list[Step]
    status: int
    said: str

    @property
    def red(self) -> Step | None:
        """The first step that failed."""
        return next((step for step in self.steps if step.result == "failure"), None)

    @property
    def jobs(self) -> set[str]:
        """The names of the jobs that came to a step."""
        return {step.job.rsplit("/", 1)[-1] for step in self.steps if step.result != "skipped"}

    @property
    def conclusion(self) -> str:
        return "success" if self.status == 0 else "failure"


def parse(workflow: str, status: int, output: str, errors: str) -> Run:
    """act's log, a JSON object a line."""
    steps: dict[tuple[str, str], Step] = {}
    rest = []
    for line in output.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            rest.append(line)
            continue
        identity = entry.get("stepID")
        if entry.get("stage") != "Main" or not identity:
            if entry.get("level") in ("error", "fatal"):
                rest.append(entry["msg"])
            continue
        step = steps.setdefault((entry["job"], identity[0]), Step(entry["job"].strip(), entry["step"]))
        if entry.get("raw_output") or entry.get("level") == "error":
            step.said += entry["msg"] if entry["msg"].endswith("\n") else entry["msg"] + "\n"
        if "stepResult" in entry and len(identity) == 1:
            step.result = entry["stepResult"]
    return Run(workflow, list(steps.values()), status, "\n".join(rest) + errors)


def bounded(text: str, bounds: list[Bound]) -> str:
    """A workflow's text as act reads it."""
    text = re.sub(r"^  queue: max\n", "", text, flags=re.MULTILINE)
    for each in bounds:
        text = re.sub(
            rf"^(\s+(?:- )?run: ){re.escape(each.command)}$",
            lambda found, instead=each.instead: found[1] + json.dumps(instead),
            text,
            flags=re.MULTILINE,
        )
    return text


class Runner:
    """A folder in which act reads workflows, and the state that the stand-ins share."""

    def __init__(self, folder: Path, origin: Path, bounds: list[Bound]) -> None:
        self.folder = folder
        self.origin = origin
        self.bounds = bounds
        self.state = folder / "state"
        self.read = folder / "read"
        self.act = HERE.parents[1] / ".venv-rehearse" / "bin" / "act"
        self.number = 0
        self.state.mkdir()
        subprocess.run(["git", "clone", "--quiet", origin, self.read], check=True)

    @staticmethod
    def search_path() -> list[str]:
        return [str(Path(sys.executable).parent), *os.environ["PATH"].split(":")]

    def prepare(self, commit: str) -> list[str]:
        """The workflows of a commit, as act reads them; returns its flags for the actions they use."""
        git = ["git", "-C", self.read]
        subprocess.run([*git, "fetch", "--quiet", "origin", commit], check=True)
        subprocess.run([*git, "checkout", "--quiet", "--force", "-B", "main", commit], check=True)
        flags: dict[str, Path] = {}
        for path in sorted((self.read / ".github").rglob("*.yml")):
            text = path.read_text()
            flags.update({name: ACTIONS / action for name, action in USES.findall(text)})
            if path.parent.name == "workflows":
                path.write_text(bounded(text, self.bounds))
        return [f"--local-repository={name}={action}" for name, action in flags.items()]

    def run(
        self,
        workflow: str,
        event_name: str,
        event: dict,
        commit: str,
        *,
        environment: dict[str, str],
        variables: dict[str, str],
        secrets: dict[str, str],
        job: str = "",
        path: str = "",
        cancel_when: Callable[[], bool] | None = None,
    ) -> Run:
        self.number += 1
        command = [self.act, event_name, "-W", f".github/workflows/{workflow}", "--json"]
        command += ["-P", "ubuntu-24.04=-self-hosted", "--no-skip-checkout", "--no-cache-server"]
        command += self.prepare(commit)
        event_file = self.folder / "event.json"
        event_file.write_text(json.dumps(event))
        command += ["-e", event_file] + (["-j", job] if job else [])
        given = {
            "GITHUB_REPOSITORY": "owner/name",
            "GITHUB_RUN_ID": str(self.number),
            "REHEARSAL": str(HERE),
            "REHEARSAL_STATE": str(self.state),
            "REHEARSAL_REPOSITORY": str(self.origin),
            "REHEARSAL_PYTHON": sys.executable,
            **environment,
        }
        for flag, pairs in (("--env", given), ("--var", variables), ("-s", secrets)):
            command += [word for name, value in pairs.items() for word in (flag, f"{name}={value}")]
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        own = {**os.environ, "HOME": str(home), "PATH": path or ":".join(self.search_path())}
        own.pop("IRIS_BIN", None)
        output = self.folder / "logs" / f"{self.number:02}-{workflow}.log"
        errors = output.with_suffix(".errors")
        with open(output, "wb") as out, open(errors, "wb") as err:
            process = subprocess.Popen(command, cwd=self.read, env=own, stdout=out, stderr=err)
        status = end_of(process, cancel_when)
        return parse(workflow, status, output.read_text(errors="replace"), errors.read_text(errors="replace"))


def end_of(process: subprocess.Popen, cancel_when: Callable[[], bool] | None, limit_s: float = 1800) -> int:
    """act's exit status; a run is cancelled as by a person at a terminal."""
    deadline = time.monotonic() + limit_s
    while cancel_when is not None and process.poll() is None and time.monotonic() < deadline:
        if cancel_when():
            process.send_signal(signal.SIGINT)
            break
        time.sleep(0.1)
    try:
        return process.wait(max(0, deadline - time.monotonic()))
    finally:
        process.kill()
