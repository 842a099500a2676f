"""What the benchmark compares with: the usual Python service of the same model.

Flask, gunicorn with its default of one synchronous worker, scikit-learn's multinomial logistic
regression with the parameters of params.yaml's example. It trains at start, so it needs no pickle.

    IRIS_DATA=data/data.csv gunicorn --bind 127.0.0.1:8080 --chdir bench/reference app:app
"""

import csv
import os

import numpy
from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue
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


app = Flask(__name__)
model = train(os.environ.get("IRIS_DATA", "data/data.csv"))


@app.get("/health")
def health() -> ResponseReturnValue:
    return jsonify(status="ok")


@app.post("/predict")
def predict() -> ResponseReturnValue:
    document = request.get_json(silent=True)
    if not isinstance(document, dict) or "instances" not in document:
        return jsonify(error="expected an object with 'instances'"), 400
    try:
        rows = numpy.array(document["instances"], dtype=float)
        return jsonify(predictions=model.predict(rows).tolist())
    except (TypeError, ValueError) as error:
        return jsonify(error=str(error)), 400
