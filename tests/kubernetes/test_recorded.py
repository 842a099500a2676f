"""`iris hpa` beside the decisions that a real kube-controller-manager took, as recorded.jsonl.gz has them:

    python tests/kubernetes --only hpa --record tests/kubernetes/recorded.jsonl.gz
"""

import pathlib

import comparison
import patterns
import pytest
import recording
import verdicts

CASES = recording.read(pathlib.Path(__file__).with_name("recorded.jsonl.gz"))


@pytest.fixture
def ask(iris):
    process = comparison.Iris(str(iris))
    yield process.ask
    process.close()


def test_every_pattern_was_recorded():
    expected = {pattern.name for pattern in patterns.ALL if not pattern.known_difference}
    assert set(CASES) == expected
    assert all(len(cases) == recording.SYNCS for cases in CASES.values())


@pytest.mark.parametrize("pattern", CASES)
def test_iris_decides_as_the_controller_did(pattern, ask):
    verdict = verdicts.judge(pattern, CASES[pattern], ask)
    assert verdict.differences == []
    assert verdict.equal == verdict.syncs == recording.SYNCS


# What is told wrong, and a pattern in which that must show.
WRONG = [
    ("walk-at-once", lambda question: question["controller"].update(tolerance=0.3)),
    ("old-figures", lambda question: question["controller"].update(cpuInitializationPeriodSeconds=0)),
    ("no-behavior", lambda question: question["controller"].update(downscaleStabilizationSeconds=0)),
    ("policies", lambda question: question["hpa"]["spec"].pop("behavior")),
    ("some-missing", lambda question: question["metrics"].clear()),
    ("by-hand", lambda question: question.update(currentReplicas=question["currentReplicas"] + 1)),
    ("failed-pods", lambda question: [pod["status"].update(phase="Running") for pod in question["pods"]]),
]


@pytest.mark.parametrize(("pattern", "spoil"), WRONG, ids=[name for name, _ in WRONG])
def test_a_question_that_is_told_wrong_shows(pattern, spoil, ask):
    def ask_wrong(question):
        spoil(question)
        return ask(question)

    assert verdicts.judge(pattern, CASES[pattern], ask_wrong).differences
