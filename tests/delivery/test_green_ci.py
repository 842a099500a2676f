"""What may be deployed: a commit whose ci was green for a push to main, says GitHub."""

import http.server
import json
import os
import subprocess
import threading
from urllib.parse import parse_qs, urlsplit

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def a_run(number=1, commit=COMMIT, branch="main", event="push", status="completed", conclusion="success"):
    return {
        "run_number": number, "head_sha": commit, "head_branch": branch, "event": event,
        "status": status, "conclusion": conclusion, "html_url": f"https://example.com/runs/{number}",
    }  # fmt: skip


@pytest.fixture
def green(repo):
    """Runs the script against a GitHub with these runs of ci; `later` are those of the second look."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            url = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(url.query).items()}
            seen.append(url.path)
            runs = self.server.looks[min(len(seen), len(self.server.looks)) - 1]
            kept = [
                each for each in runs
                if query.get("branch") in (None, each["head_branch"])
                and query.get("event") in (None, each["event"])
                and query.get("head_sha") in (None, each["head_sha"])
            ]  # fmt: skip
            status = 200 if url.path == "/repos/owner/name/actions/workflows/ci.yml/runs" else 404
            text = json.dumps({"total_count": len(kept), "workflow_runs": kept}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def run(*looks, commit=COMMIT, wait="0"):
        server.looks = looks
        return subprocess.run(
            [repo / "scripts" / "require-green-ci", commit, "--wait", wait],
            env={
                **os.environ,
                "GITHUB_TOKEN": "token",
                "GITHUB_REPOSITORY": "owner/name",
                "GITHUB_API_URL": f"http://127.0.0.1:{server.server_address[1]}",
            },
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    yield run
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_green_commit_may_be_deployed(green):
    result = green([a_run(1, conclusion="failure"), a_run(2)])
    assert result.returncode == 0, result.stderr
    assert "green at 0123456789ab: https://example.com/runs/2" in result.stdout


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([], "ci never ran"),
        ([a_run(conclusion="failure")], "not green but 'failure': https://example.com/runs/1"),
        ([a_run(conclusion="cancelled")], "not green but 'cancelled'"),
        ([a_run(status="in_progress", conclusion=None)], "not green but 'in_progress'"),
        ([a_run(1), a_run(2, conclusion="failure")], "not green but 'failure'"),
        ([a_run(branch="dev")], "ci never ran"),
        ([a_run(event="pull_request")], "ci never ran"),
        ([a_run(commit="f" * 40)], "ci never ran"),
    ],
)
def test_any_other_commit_is_refused(green, runs, said):
    result = green(runs)
    assert result.returncode == 1
    assert said in result.stderr


def test_a_run_that_is_not_over_is_waited_for(green):
    result = green([a_run(status="in_progress", conclusion=None)], [a_run()], wait="30")
    assert result.returncode == 0, result.stderr


def test_what_is_no_commit_is_refused(green):
    result = green([a_run()], commit="main")
    assert result.returncode == 2
    assert "40 hexadecimal digits" in result.stderr
