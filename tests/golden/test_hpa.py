"""Decisions of the autoscaler, frozen: every field of the answer, and by hand what it must decide."""

import json

# What each question of hpa/make_questions.py must lead to, worked out from the algorithm.
DESIRED = [3, 1, 3, 4, 3, 3, 1, 3, 2, 0, 1]


def ask(run_iris, repo):
    questions = (repo / "tests" / "golden" / "hpa" / "questions.jsonl").read_text()
    result = run_iris("hpa", input=questions)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_answers_are_frozen(run_iris, repo, golden):
    golden("hpa/answers.jsonl", ask(run_iris, repo))


def test_the_decisions_are_those_worked_out_by_hand(run_iris, repo):
    answers = [json.loads(line) for line in ask(run_iris, repo).splitlines()]
    assert [answer["desiredReplicas"] for answer in answers] == DESIRED


def test_a_bad_line_is_answered_and_the_next_one_too(run_iris, repo):
    good = (repo / "tests" / "golden" / "hpa" / "questions.jsonl").read_text().splitlines()[0]
    too_long = '"' + "x" * (4 << 20) + '"'
    result = run_iris("hpa", input="\n".join(["no json", "", too_long, "{}", good]))
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert lines[:4] == [
        '{"error":"not JSON at byte 2"}',
        '{"error":"not JSON at byte 1"}',
        '{"error":"found more than 4194304 bytes in one line"}',
        '{"error":"hpa: expected a HorizontalPodAutoscaler"}',
    ]
    assert lines[4].startswith('{"desiredReplicas":3,')
    assert len(lines) == 5
