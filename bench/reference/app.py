"""What the benchmark compares with: the usual Python service of the same model.

Flask, gunicorn with its default of one synchronous worker, scikit-learn's multinomial logistic
regression with the parameters of params.yaml's example. It trains at start, so it needs no pickle.

    IRIS_DATA=data/data.csv gunicorn --bind 127.0.0.1:8080 --chdir bench/reference app:app
"""

import os

import numpy
from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue
from train import train

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
