"""The model of every peer that predicts with scikit-learn: fitted on the data that iris trains on.

    train.py data/data.csv model.joblib

A pickle is only good for the scikit-learn that wrote it, so each environment writes its own.
"""

import csv
import sys

import joblib
import numpy
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split


def train(path: str) -> LogisticRegression:
    """Fits on 70 % of the rows of a CSV file whose last column is the class."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    features = numpy.array([row[:-1] for row in rows], dtype=float)
    labels = numpy.array([row[-1] for row in rows])
    x_train, _, y_train, _ = train_test_split(features, labels, test_size=0.3, random_state=42)
    return LogisticRegression(C=1.0, max_iter=200).fit(x_train, y_train)


if __name__ == "__main__":
    joblib.dump(train(sys.argv[1]), sys.argv[2])
