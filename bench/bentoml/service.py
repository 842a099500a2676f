"""A peer: BentoML with one worker, scikit-learn's model loaded with joblib.

    IRIS_MODEL=model.joblib bentoml serve --working-dir bench/bentoml service:Iris --port 8080

bench/reference/train.py writes the model.
"""

import os

import bentoml
import joblib
import numpy


@bentoml.service(workers=1)
class Iris:
    def __init__(self) -> None:
        self.model = joblib.load(os.environ["IRIS_MODEL"])

    @bentoml.api(route="/predict")
    def predict(self, instances: list[list[float]]) -> dict[str, list[str]]:
        return {"predictions": self.model.predict(numpy.array(instances)).tolist()}
