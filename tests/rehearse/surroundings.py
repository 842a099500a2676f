"""What the workflows meet in the rehearsal: a repository, a bucket, a registry, GitHub's API, a cluster and
a service. A push, a pull request, a start by hand and the clock are its methods."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path

import parts
from clusters import Cluster
from federation import State
from runner import Run, Runner

# What a fork looks for.
SECRET = "rehearsal-canary"


@dataclasses.dataclass
class World:
    folder: Path
    origin: Path  # the repository that a checkout fetches from
    runner: Runner
    bucket: parts.Bucket
    google: State
    github: object
    cluster: Cluster | None
    commit: str
    variables: dict[str, str]
    environment: dict[str, str]
    secrets: dict[str, str] = dataclasses.field(default_factory=dict)
    path: str = ""

    def git(self, *command: str) -> str:
        done = subprocess.run(
            ["git", "-c", "user.name=rehearsal", "-c", "user.email=rehearsal@example.com", *command],
            cwd=self.origin,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def committed(self) -> str:
        """What was changed in the repository, as one more commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "as sabotaged")
        return self.git("rev-parse", "HEAD")

    def whole_again(self) -> None:
        self.git("reset", "--quiet", "--hard", self.commit)
        self.git("clean", "--quiet", "-fd")
        for folder in ("artifacts", "cache"):
            shutil.rmtree(self.runner.state / folder, ignore_errors=True)
        self.github.comments.clear()
        self.github.ci.update(head_sha=self.commit, status="completed", conclusion="success")

    def event(self, commit: str, **more) -> dict:
        owner = {"login": "owner"}
        repository = {"full_name": "owner/name", "name": "name", "default_branch": "main", "owner": owner}
        return {"repository": repository, "after": commit, "head_commit": {"id": commit}, **more}

    def start(self, workflow: str, name: str, event: dict, commit: str, job: str = "", **how) -> Run:
        return self.runner.run(
            workflow,
            name,
            event,
            commit,
            environment={"GITHUB_API_URL": self.github.url, **self.environment},
            variables=self.variables,
            secrets={"GITHUB_TOKEN": "token-of-this-run", **self.secrets},
            job=job,
            path=self.path,
            **how,
        )

    def push(self, job: str = "", branch: str = "main") -> Run:
        """ci of a push of what was changed; its conclusion is what GitHub's API then says."""
        commit = self.git("rev-parse", "HEAD") if not self.git("status", "--porcelain") else self.committed()
        run = self.start("ci.yml", "push", self.event(commit, ref=f"refs/heads/{branch}"), commit, job)
        self.github.ci.update(head_sha=commit, conclusion=run.conclusion)
        return run

    def pull_request(self, job: str = "gates") -> Run:
        """ci of a pull request from a fork."""
        commit = self.committed()
        self.github.pull["head"]["sha"] = commit
        head = {"sha": commit, "ref": "topic", "repo": {"fork": True, "full_name": "someone/name"}}
        pull = {"number": 7, "head": head, "base": {"ref": "main", "sha": self.commit}}
        event = self.event(commit, ref="refs/pull/7/merge", pull_request=pull, number=7)
        return self.start("ci.yml", "pull_request", event, commit, job)

    def comment(self, conclusion: str = "success") -> Run:
        """comment.yml after the pull request's ci that just ended."""
        return self.after_ci("comment.yml", conclusion, of="pull_request", run_id=self.runner.number)

    def after_ci(self, workflow: str, conclusion: str, of: str = "push", run_id: int = 1, **how) -> Run:
        """A workflow that starts when ci ends; it is read as main has it."""
        commit = self.git("rev-parse", "HEAD")
        ended = {"id": run_id, "event": of, "conclusion": conclusion, "head_sha": commit}
        ended["head_branch"] = "main" if of == "push" else "topic"
        ended["head_repository"] = {"id": 5, "owner": {"login": "owner" if of == "push" else "someone"}}
        ended["html_url"] = "https://github.com/owner/name/actions/runs/1"
        event = self.event(self.commit, ref="refs/heads/main", action="completed", workflow_run=ended)
        return self.start(workflow, "workflow_run", event, self.commit if of == "pull_request" else commit, **how)

    def by_hand(self, workflow: str, branch: str = "main") -> Run:
        commit = self.git("rev-parse", "HEAD")
        return self.start(workflow, "workflow_dispatch", self.event(commit, ref=f"refs/heads/{branch}"), commit)

    def by_clock(self, workflow: str) -> Run:
        commit = self.git("rev-parse", "HEAD")
        return self.start(workflow, "schedule", self.event(commit, ref="refs/heads/main"), commit)
