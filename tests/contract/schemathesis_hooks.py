"""What JSON Schema cannot say of an inference request: that a tensor's shape, datatype and data agree,
that names differ from each other, and that a header tells where the JSON ends. Requests that are meant
to be right are made so here; those that are meant to be wrong go out as they are.
"""

import json
import struct

import schemathesis
from schemathesis import GenerationMode

HEADER = "Inference-Header-Content-Length"


def flat(data):
    return [number for row in data for number in (row if isinstance(row, list) else [row])]


def repair_inputs(inputs, features):
    """One tensor keeps its rows; one a feature keep as many as all have."""
    for tensor in inputs:
        tensor["datatype"] = "FP64"
    if len(inputs) == 1 and len(inputs[0]["shape"]) == 2 and inputs[0]["name"] not in features:
        tensor = inputs[0]
        if not isinstance(tensor["data"][0], list):
            tensor["data"] = tensor["data"][: len(tensor["data"]) // len(features) * len(features)]
        tensor["shape"][0] = len(flat(tensor["data"])) // len(features)
        return
    rows = min(len(tensor["data"]) for tensor in inputs)
    for tensor, name in zip(inputs, features):
        tensor["name"] = name
        tensor["data"] = tensor["data"][:rows]
        tensor["shape"] = [rows, 1] if len(tensor["shape"]) == 2 else [rows]


def repair(body, features):
    repair_inputs(body["inputs"], features)
    names = set()
    body["outputs"] = [output for output in body.get("outputs") or []
                       if not (output["name"] in names or names.add(output["name"]))]
    # Parameters may have any name; these would ask for more than is supported.
    for parameters in [item.get("parameters") or {} for item in body["inputs"] + body["outputs"]]:
        for name in ("classification", "binary_data_size", "shared_memory_region"):
            parameters.pop(name, None)


def as_binary(body):
    """The same request with its tensors behind the JSON, and the JSON's length."""
    tensors = b""
    for tensor in body["inputs"]:
        numbers = flat(tensor.pop("data"))
        tensors += struct.pack(f"<{len(numbers)}d", *numbers)
        tensor["parameters"] = {"binary_data_size": 8 * len(numbers)}
    text = json.dumps(body).encode()
    return text + tensors, str(len(text))


def features_of(schema):
    return schema["components"]["schemas"]["Instance"]["anyOf"][1]["required"]


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.operation.method.lower() != "post" or not case.path.endswith("/infer"):
        return
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    features = features_of(case.operation.schema.raw_schema)
    headers = case.headers if case.headers is not None else {}
    headers.pop(HEADER, None)
    if case.media_type == "application/json":
        if isinstance(case.body, dict):
            repair(case.body, features)
    else:
        row = [0.5] * len(features)
        body = {"inputs": [{"name": "input", "shape": [1, len(row)], "datatype": "FP64", "data": [row]}],
                "parameters": {"binary_data_output": True}}
        case.body, headers[HEADER] = as_binary(body)
    case.headers = headers
