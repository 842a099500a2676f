"""Decisions of the autoscaler, frozen: every field of the answer, and by hand what it must decide."""

import json
import os
import subprocess

import pytest

# What each question of hpa/make_questions.py must lead to, worked out from the algorithm.
DESIRED = [3, 1, 3, 4, 3, 3, 1, 3, 2, 0, 1, 6, 4, 3, 6, 2, 3, None, None]


def ask(run_iris, repo):
    questions = (repo / "tests" / "golden" / "hpa" / "questions.jsonl").read_text()
    result = run_iris("hpa", input=questions)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_answers_are_frozen(run_iris, repo, golden):
    golden("hpa/answers.jsonl", ask(run_iris, repo))


def test_the_decisions_are_those_worked_out_by_hand(run_iris, repo):
    answers = [json.loads(line) for line in ask(run_iris, repo).splitlines()]
    assert [answer.get("desiredReplicas") for answer in answers] == DESIRED


def test_a_bad_line_is_answered_and_the_next_one_too(run_iris, repo):
    good = (repo / "tests" / "golden" / "hpa" / "questions.jsonl").read_text().splitlines()[0]
    too_long = '"' + "x" * (4 << 20) + '"'
    result = run_iris("hpa", input="\n".join(["no json", "", too_long, "{}", good]))
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert lines[:3] == [
        '{"error":"not JSON at byte 2"}',
        '{"error":"found more than 4194304 bytes in one document"}',
        '{"error":"hpa: expected a HorizontalPodAutoscaler"}',
    ]
    assert lines[3].startswith('{"desiredReplicas":3,')
    assert len(lines) == 4


def test_documents_are_read_however_they_are_printed(run_iris, repo):
    lines = (repo / "tests" / "golden" / "hpa" / "questions.jsonl").read_text().splitlines()
    pretty = [json.dumps(json.loads(line), indent=4) for line in lines]
    expected = ask(run_iris, repo)
    assert run_iris("hpa", input="\n".join(pretty)).stdout == expected
    assert run_iris("hpa", input=" ".join(lines)).stdout == expected
    mixed = "".join(p if i % 2 else line for i, (p, line) in enumerate(zip(pretty, lines, strict=True)))
    assert run_iris("hpa", input=mixed).stdout == expected


# Answers `kubectl get` with the objects of one question; what the API leaves out is left out.
KUBECTL = """#!/bin/sh
case "$*" in
  "get hpa iris-api-hpa -o json") cat hpa.json ;;
  "get pods -l app=iris-api -o json") cat pods.json ;;
  "get --raw /apis/metrics.k8s.io/v1beta1/namespaces/default/pods?labelSelector=app=iris-api") cat metrics.json ;;
  *) echo "unexpected: $*" >&2; exit 1 ;;
esac
"""


@pytest.mark.parametrize("status", [None, {}, {"desiredReplicas": 0}, {"currentReplicas": 3}])
def test_the_example_of_the_help_answers(iris, run_iris, repo, tmp_path, status):
    example = run_iris("hpa", "--help").stdout.split("Example:\n  ")[1].split("\n\n")[0]
    questions = (repo / "tests" / "golden" / "hpa" / "questions.jsonl").read_text().splitlines()
    question = json.loads(questions[6])
    if status is not None:
        question["hpa"]["status"] = status
    for name in ("hpa", "pods", "metrics"):
        value = question[name]
        printed = value if name == "hpa" else {"kind": "List", "apiVersion": "v1", "items": value}
        (tmp_path / f"{name}.json").write_text(json.dumps(printed, indent=4))
    (tmp_path / "kubectl").write_text(KUBECTL)
    (tmp_path / "kubectl").chmod(0o755)
    (tmp_path / "iris").symlink_to(iris)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", example], cwd=tmp_path, env=os.environ | {"PATH": path},
        capture_output=True, text=True, timeout=60, check=True,
    )
    answer = json.loads(done.stdout)
    # The metrics are long past, so no pod is starting; 5 m of 100 m asks for one.
    expected = 3 if (status or {}).get("currentReplicas") else 0
    assert answer["desiredReplicas"] == expected, answer
