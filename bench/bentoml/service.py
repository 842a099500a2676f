"""A peer: BentoML with one worker, scikit-learn's model loaded with joblib.

    IRIS_MODEL=model.joblib bentoml serve --working-dir bench/bentoml service:Iris --port 8080

bench/reference/train.py writes the model. The answer is a pydantic model: of a plain dictionary
BentoML 1.4 makes the JSON schema again for every answer, which costs more than all else.
"""

import os

import bentoml
import joblib
import numpy
from pydantic import BaseModel


class Answer(BaseModel):
    predictions: list[str]


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Iris:
    def __init__(self) -> None:
        self.model = joblib.load(os.environ["IRIS_MODEL"])

    @bentoml.api(route="/predict")
    async def predict(self, instances: list[list[float]]) -> Answer:
        # async: a prediction of some µs is shorter than the way to a thread of the pool.
        return Answer(predictions=self.model.predict(numpy.array(instances)).tolist())
