"""The splits that the unit tests compare with are what the installed scikit-learn draws."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import make_split  # noqa: E402


def test_scikit_learn_still_draws_the_recorded_splits():
    recorded = make_split.GOLDEN.read_text(encoding="utf-8")
    assert make_split.dump(make_split.make()) == recorded, (
        "scikit-learn's train_test_split changed; run tests/golden/make_split.py and read the diff"
    )
