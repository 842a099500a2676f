"""GET /openapi.json is the contract: schemathesis makes requests of it, right ones and wrong ones, and
checks every answer against it. All its checks are on."""

import json
import re
import struct

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import GenerationMode

SEED = 20260801


def test_it_knows_the_model(server):
    document = requests.get(f"{server.url}/openapi.json", timeout=10).json()
    assert document["openapi"] == "3.1.0"
    schemas = document["components"]["schemas"]
    assert schemas["Label"]["enum"] == ["setosa", "versicolor", "virginica"]
    row = schemas["Instance"]["anyOf"][1]
    assert row["required"] == ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    assert document["components"]["parameters"]["model"]["schema"]["enum"] == ["model"]
