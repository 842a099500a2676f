#!/usr/bin/env python3
"""Asks scikit-learn for the splits that src/dataset/split.hpp must equal, and writes split.json.

    python3 tests/golden/make_split.py

test_split.py beside this file makes them again and compares, so that a scikit-learn that draws
otherwise shows; tests/unit/dataset/split_test.cpp compares the program with the file.
"""

import json
import pathlib

import numpy
from sklearn.model_selection import train_test_split

GOLDEN = pathlib.Path(__file__).with_name("split.json")

# Sizes on both sides of powers of two, where the mask of the rejection changes.
ROWS = [2, 3, 4, 5, 7, 8, 9, 16, 17, 33, 64, 65, 100, 128, 129, 150, 257]
TEST_SIZES = [0.1, 0.2, 0.25, 0.3, 1 / 3, 0.5, 0.7]
SEEDS = [0, 1, 42, 2024, 2**32 - 1]

# Rows per class: even, uneven, tied remainders, many classes.
CLASS_COUNTS = [[50, 50, 50], [2, 2, 2, 2], [3, 5, 7, 11], [90, 9, 3], [10] * 13, [2, 40, 2]]


def labels_of(counts):
    """Labels in a fixed, mixed order."""
    labels = numpy.repeat(numpy.arange(len(counts)), counts)
    return labels[numpy.random.RandomState(7).permutation(len(labels))]


def plain_cases():
    for rows in ROWS:
        for test_size in TEST_SIZES:
            for seed in SEEDS:
                try:
                    train, test = train_test_split(
                        numpy.arange(rows), test_size=test_size, random_state=seed
                    )
                except ValueError:  # nothing left to train on
                    train, test = numpy.array([], int), numpy.array([], int)
                yield {
                    "rows": rows,
                    "test_size": test_size,
                    "seed": seed,
                    "train": train.tolist(),
                    "test": test.tolist(),
                }


def stratified_cases():
    for counts in CLASS_COUNTS:
        labels = labels_of(counts)
        for test_size in TEST_SIZES:
            for seed in SEEDS:
                try:
                    train, test = train_test_split(
                        numpy.arange(len(labels)),
                        test_size=test_size,
                        random_state=seed,
                        stratify=labels,
                    )
                except ValueError:  # a part smaller than the number of classes
                    train, test = numpy.array([], int), numpy.array([], int)
                yield {
                    "labels": labels.tolist(),
                    "test_size": test_size,
                    "seed": seed,
                    "train": train.tolist(),
                    "test": test.tolist(),
                }


def make():
    return {"plain": list(plain_cases()), "stratified": list(stratified_cases())}


def dump(cases):
    """One case a line, so that a change shows as the cases it changes."""
    parts = []
    for kind, rows in cases.items():
        lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
        parts.append(f'"{kind}":[\n{lines}\n]')
    return "{" + ",\n".join(parts) + "}\n"


if __name__ == "__main__":
    GOLDEN.write_text(dump(make()), encoding="utf-8")
