"""A peer: FastAPI on uvicorn, the model that iris serves in ONNX Runtime.

    IRIS_MODEL=models/model.onnx uvicorn --app-dir bench/fastapi --port 8080 app:app
"""

import os
from typing import Annotated

import numpy
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel, Field

Row = Annotated[list[float], Field(min_length=4, max_length=4)]


class Question(BaseModel):
    instances: list[Row]


class Answer(BaseModel):
    predictions: list[str]


onnxruntime.disable_telemetry_events()
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1  # as iris; more threads cost more than three rows do
session = onnxruntime.InferenceSession(
    os.environ.get("IRIS_MODEL", "models/model.onnx"), options, providers=["CPUExecutionProvider"]
)
INPUT = session.get_inputs()[0].name
LABELS = session.get_outputs()[0].name
app = FastAPI()


@app.post("/predict")
async def predict(question: Question) -> Answer:
    # async: a prediction of some µs is shorter than the way to a thread of the pool.
    (labels,) = session.run([LABELS], {INPUT: numpy.array(question.instances, numpy.float32)})
    return Answer(predictions=labels.tolist())
