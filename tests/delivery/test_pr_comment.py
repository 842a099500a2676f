"""The comment on a pull request, against a local stand-in of GitHub's API."""

import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

TOKEN = "a-token-that-no-one-else-has"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
MARKER = "<!-- iris-report -->"


class GitHub(ThreadingHTTPServer):
    """The four routes that the script uses, with what they remember."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.pulls = [{"number": 7, "head": {"sha": COMMIT, "label": "someone:topic"}}]
        self.comments = []
        self.requests = []
        self.failures = []  # statuses to answer with before all else

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def comment(self, body, login="github-actions[bot]"):
        self.comments.append({"id": len(self.comments) + 1, "user": {"login": login}, "body": body})
        return self.comments[-1]


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def handle_any(self):
        github = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        github.requests.append((self.command, url.path))
        if github.failures:
            return self.answer(github.failures.pop(0), {"message": "not now"})
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self.answer(401, {"message": "Bad credentials"})
        root = "/repos/owner/name"
        if (self.command, url.path) == ("GET", f"{root}/pulls"):
            assert query["state"] == "open"
            pulls = [each for each in github.pulls if each["head"]["label"] == query["head"]]
            return self.answer(200, pulls)
        if (self.command, url.path) == ("GET", f"{root}/issues/7/comments"):
            size, page = int(query["per_page"]), int(query["page"])
            return self.answer(200, github.comments[(page - 1) * size : page * size])
        if (self.command, url.path) == ("POST", f"{root}/issues/7/comments"):
            return self.answer(201, github.comment(json.loads(body)["body"]))
        if match := re.fullmatch(rf"{root}/issues/comments/(\d+)", url.path):
            assert self.command == "PATCH"
            comment = github.comments[int(match[1]) - 1]
            comment["body"] = json.loads(body)["body"]
            return self.answer(200, comment)
        return self.answer(404, {"message": "Not Found"})

    do_GET = do_POST = do_PATCH = handle_any


@pytest.fixture
def github():
    server = GitHub()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def post(repo, tmp_path, github):
    """Runs the script with a report; returns status, output and errors."""

    def run(report, *flags, token=TOKEN, head="someone:topic", commit=COMMIT):
        path = tmp_path / "report.md"
        if report is not None:
            path.write_text(report)
        result = subprocess.run(
            [sys.executable, repo / "scripts" / "pr-comment", path]
            + ["--head", head, "--commit", commit, *flags],
            env={
                **os.environ,
                "GITHUB_TOKEN": token,
                "GITHUB_REPOSITORY": "owner/name",
                "GITHUB_API_URL": github.url,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert TOKEN not in result.stdout + result.stderr
        return result.returncode, result.stdout, result.stderr

    return run


def test_it_is_created_once_and_then_updated(post, github):
    github.comment("a person's remark", login="someone")
    assert post("first")[:2] == (0, "created the comment on pull request 7\n")
    assert post("second")[:2] == (0, "updated the comment on pull request 7\n")
    assert [each["body"] for each in github.comments] == [
        "a person's remark",
        f"{MARKER}\nsecond\n\n<sub>commit {COMMIT[:12]}</sub>\n",
    ]


def test_it_is_found_beyond_the_first_page(post, github):
    for _ in range(130):
        github.comment("talk", login="someone")
    post("first")
    post("second")
    assert sum(each["body"].startswith(MARKER) for each in github.comments) == 1


def test_another_author_with_our_marker_is_left_alone(post, github):
    theirs = github.comment(f"{MARKER}\nnot ours", login="someone")
    post("report")
    assert theirs["body"] == f"{MARKER}\nnot ours"
    assert len(github.comments) == 2


def test_a_report_of_an_older_commit_is_not_posted(post, github):
    status, said, _ = post("old", commit="f" * 40)
    assert status == 0
    assert "nothing to do" in said
    assert github.comments == []


def test_a_hostile_report_is_tamed(post, github):
    post(f"@everyone {MARKER} " + "x" * 100_000)
    body = github.comments[0]["body"]
    assert len(body) <= 65_536
    assert "@everyone" not in body
    assert body.count(MARKER) == 1
    assert "whole is in the run's artifact" in body


def test_it_tries_again_what_passes(post, github):
    github.failures = [503]
    assert post("report")[0] == 0
    assert len(github.comments) == 1


def test_a_wrong_token_is_an_error_that_says_so(post, github):
    status, _, said = post("report", token="another-token")
    assert status == 3
    assert "401" in said and "Bad credentials" in said
    assert "another-token" not in said
    assert github.comments == []


def test_where_ci_broke_before_the_report_the_comment_says_so(post, github):
    status, said, _ = post(None, "--run", "https://github.com/owner/name/actions/runs/5")
    assert status == 0
    assert "ci ended before it wrote a report" in said
    assert "[see the run](https://github.com/owner/name/actions/runs/5)" in github.comments[0]["body"]
    assert post("the next push", "--run", "https://github.com/owner/name/actions/runs/6")[0] == 0
    assert [each["body"].splitlines()[1] for each in github.comments] == ["the next push"]


def test_without_a_run_a_missing_report_is_an_error(post, github):
    status, _, said = post(None)
    assert status == 2
    assert "report.md" in said and github.comments == []
