"""The Open Inference Protocol V2 as its clients speak it: tritonclient, requests, curl, Node's fetch."""

import json
import re
import struct
import subprocess

import numpy as np
import pytest
import requests
import tritonclient.http as triton
from tritonclient.utils import triton_to_np_dtype

ROWS = np.array([[5.1, 3.5, 1.4, 0.2], [6.2, 2.9, 4.3, 1.3], [6.3, 3.3, 6.0, 2.5]], np.float32)
LABELS = ["setosa", "versicolor", "virginica"]
NAMES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


@pytest.fixture
def client(server):
    with triton.InferenceServerClient(server.url.removeprefix("http://")) as client:
        yield client


def rows_input(rows=ROWS, binary=True, name="input", datatype="FP32"):
    tensor = triton.InferInput(name, rows.shape, datatype)
    tensor.set_data_from_numpy(rows, binary_data=binary)
    return tensor


def labels_of(result):
    return [label.decode() for label in result.as_numpy("label").astype(bytes)]


def infer(server, body, **kwargs):
    return requests.post(f"{server.url}/v2/models/model/infer", json=body, timeout=10, **kwargs)


def json_body(**more):
    return {"inputs": [{"name": "input", "shape": [3, 4], "datatype": "FP32",
                        "data": ROWS.tolist()}], **more}


# ---- tritonclient, as its own examples call it (simple_http_health_metadata, simple_http_infer_client)


def test_triton_health_and_metadata(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("model")
    server = client.get_server_metadata()
    assert (server["name"], server["extensions"]) == ("iris", ["binary_tensor_data"])
    model = client.get_model_metadata("model")
    assert model["name"] == "model"
    assert model["inputs"] == [{"name": "input", "datatype": "FP32", "shape": [-1, 4]}]
    assert [output["name"] for output in model["outputs"]] == ["label", "probabilities"]
    (version,) = model["versions"]
    assert client.is_model_ready("model", model_version=version)
    assert client.get_model_metadata("model", model_version=version) == model


@pytest.mark.parametrize("binary_out", [True, False])
@pytest.mark.parametrize("binary_in", [True, False])
def test_triton_infers(client, binary_in, binary_out):
    outputs = [triton.InferRequestedOutput("label", binary_data=binary_out),
               triton.InferRequestedOutput("probabilities", binary_data=binary_out)]
    result = client.infer("model", [rows_input(binary=binary_in)], request_id="7", outputs=outputs)
    assert labels_of(result) == LABELS
    probabilities = result.as_numpy("probabilities")
    assert probabilities.shape == (3, 3)
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert [LABELS[best] for best in probabilities.argmax(axis=1)] == LABELS
    assert result.get_response()["id"] == "7"


def test_triton_takes_all_outputs_or_some(client):
    result = client.infer("model", [rows_input()])
    assert labels_of(result) == LABELS
    assert result.as_numpy("probabilities").shape == (3, 3)
    outputs = [triton.InferRequestedOutput("probabilities"),
               triton.InferRequestedOutput("label", binary_data=False)]
    result = client.infer("model", [rows_input()], outputs=outputs)
    assert [o["name"] for o in result.get_response()["outputs"]] == ["probabilities", "label"]
    result = client.infer("model", [rows_input()], outputs=outputs[1:])
    assert result.as_numpy("probabilities") is None


@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64", "INT8", "INT64", "UINT16"])
def test_triton_sends_a_tensor_for_each_feature(client, datatype):
    rows = np.array([[5, 4, 1, 0], [6, 3, 6, 3]], triton_to_np_dtype(datatype))
    inputs = [rows_input(np.ascontiguousarray(rows[:, [i]]), name=name, datatype=datatype)
              for i, name in reversed(list(enumerate(NAMES)))]
    assert labels_of(client.infer("model", inputs)) == ["setosa", "virginica"]


def test_triton_asks_asynchronously(client):
    pending = [client.async_infer("model", [rows_input()], request_id=str(i)) for i in range(8)]
    for i, result in enumerate(pending):
        assert result.get_result().get_response()["id"] == str(i)


def test_triton_is_told_what_is_wrong(client):
    def fails(status, message, *args, **kwargs):
        with pytest.raises(triton.InferenceServerException) as error:
            client.infer(*args, **kwargs)
        assert (error.value.status(), error.value.message()) == (status, message)

    fails("404", 'no model "other"; there is "model"', "other", [rows_input()])
    fails("400", "inputs[0].shape: expected [rows, 4], got [3, 2]", "model",
          [rows_input(np.ascontiguousarray(ROWS[:, :2]))])
    fails("400", 'outputs[0]: unknown output "x"; expected label or probabilities', "model",
          [rows_input()], outputs=[triton.InferRequestedOutput("x")])
    fails("501", 'outputs[0].parameters: "classification" is not supported', "model",
          [rows_input()], outputs=[triton.InferRequestedOutput("label", class_count=2)])
    nan = ROWS.copy()
    nan[1, 2] = np.nan
    fails("400", "inputs[0].data[1][2]: expected a finite number within ±3.4e+38 (float32), got nan",
          "model", [rows_input(nan)])
    assert labels_of(client.infer("model", [rows_input()])) == LABELS


# ---- requests and curl


def test_both_routes_give_the_same(server):
    answer = infer(server, json_body(id="7")).json()
    assert answer["id"] == "7"
    label, probabilities = answer["outputs"]
    assert (label["shape"], label["data"]) == ([3], LABELS)
    assert probabilities["shape"] == [3, 3]
    predict = requests.post(f"{server.url}/predict", timeout=10, json={
        "instances": ROWS.tolist(), "parameters": {"probabilities": True}}).json()
    assert sum(predict["probabilities"], []) == probabilities["data"]


def test_missing_values_are_named(server):
    body = json_body()
    body["inputs"][0]["data"][1][2] = None
    answer = infer(server, body)
    assert (answer.status_code, answer.json()) == (
        400, {"error": "inputs[0].data[1][2]: expected a number, got null"})


def test_a_model_by_its_version(server):
    url = f"{server.url}/v2/models/model"
    version = requests.get(url, timeout=10).json()["versions"][0]
    by_version = requests.post(f"{url}/versions/{version}/infer", json=json_body(), timeout=10)
    assert by_version.json()["model_version"] == version
    assert requests.post(f"{url}/versions/x/infer", json=json_body(), timeout=10).status_code == 404


def test_content_types(server):
    body = json.dumps(json_body())
    for content_type, status in [("application/json", 200), ("application/octet-stream", 200),
                                 (None, 200), ("text/plain", 415)]:
        answer = requests.post(f"{server.url}/v2/models/model/infer", data=body, timeout=10,
                               headers={"Content-Type": content_type})
        assert answer.status_code == status, content_type


def test_many_rows_both_ways(server):
    rows = np.tile(ROWS, (10_000, 1))
    with triton.InferenceServerClient(server.url.removeprefix("http://")) as client:
        result = client.infer("model", [rows_input(rows)])
    assert labels_of(result) == LABELS * 10_000
    answer = infer(server, {"inputs": [{"name": "input", "shape": [30_000, 4], "datatype": "FP32",
                                        "data": rows.flatten().tolist()}],
                            "outputs": [{"name": "label"}]}).json()
    assert answer["outputs"][0]["data"] == LABELS * 10_000


def test_curl_sends_a_binary_tensor(server, tmp_path):
    head = json.dumps({"inputs": [{"name": "input", "shape": [3, 4], "datatype": "FP32",
                                   "parameters": {"binary_data_size": 48}}],
                       "outputs": [{"name": "label"}]}).encode()
    body = tmp_path / "body"
    body.write_bytes(head + struct.pack("<12f", *ROWS.flatten()))
    result = subprocess.run(
        ["curl", "-sS", "--fail-with-body", "--max-time", "20", "--data-binary", f"@{body}",
         "-H", f"Inference-Header-Content-Length: {len(head)}",
         "-H", "Content-Type: application/octet-stream", f"{server.url}/v2/models/model/infer"],
        capture_output=True, check=True)
    assert json.loads(result.stdout)["outputs"][0]["data"] == LABELS


# ---- Node

NODE = """
const [url] = process.argv.slice(2);
const infer = `${url}/v2/models/model/infer`;
const post = (target, body) => fetch(target, {method: 'POST', body: JSON.stringify(body),
  headers: {'Content-Type': 'application/json'}});
const tensor = {name: 'input', shape: [1, 4], datatype: 'FP32', data: [5.1, 3.5, 1.4, 0.2]};
const out = {labels: [], errors: []};
for (let i = 0; i < 20; ++i) {
  out.labels.push((await (await post(infer, {inputs: [tensor]})).json()).outputs[0].data[0]);
  const wrong = await post(infer, {inputs: [{...tensor, shape: [2, 4]}]});
  out.errors.push([wrong.status, (await wrong.json()).error]);
}
out.lost = (await post(`${url}/nothing`, {})).status;
out.method = (await fetch(infer)).headers.get('allow');
const body = new Blob([JSON.stringify({inputs: [{...tensor, data: undefined,
  parameters: {binary_data_size: 16}}]}), new Float32Array(tensor.data)]);
const binary = await fetch(infer, {method: 'POST', body,
  headers: {'Inference-Header-Content-Length': String(body.size - 16)}});
out.binary = (await binary.json()).outputs[0].data;
console.log(JSON.stringify(out));
"""


def test_node_fetch_keeps_its_connection(server, tmp_path):
    script = tmp_path / "client.mjs"
    script.write_text(NODE)
    result = subprocess.run(["node", script, server.url], capture_output=True, text=True,
                            timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    out = json.loads(result.stdout)
    assert out["labels"] == ["setosa"] * 20
    assert out["errors"] == [
        [400, "inputs[0].data: expected 8 numbers for the shape [2, 4], got 4"]] * 20
    assert (out["lost"], out["method"], out["binary"]) == (404, "POST", ["setosa"])
    page = requests.get(f"{server.admin_url}/metrics", timeout=10).text
    accepted = int(re.search(r"^iris_connections_accepted_total (\d+)$", page, re.MULTILINE)[1])
    assert accepted <= 3, "keep-alive was not kept"  # a connection waits for each unread answer


# ---- members that are null, as SDKs send them that write all that they know of


NULLS = [
    {"id": None},
    {"parameters": None},
    {"outputs": None},
    {"id": None, "parameters": None, "outputs": None, "model_name": None, "raw_request": None},
    {"parameters": {"binary_data_output": None}},
    {"outputs": [{"name": "label", "parameters": None}]},
    {"outputs": [{"name": "label", "parameters": {"binary_data": None, "classification": None}}]},
    {"input": {"parameters": None}},
    {"input": {"parameters": {"binary_data_size": None, "shared_memory_region": None}}},
]


@pytest.mark.parametrize("members", NULLS)
def test_null_is_absent(server, members):
    body = json_body(**{key: value for key, value in members.items() if key != "input"})
    body["inputs"][0].update(members.get("input", {}))
    with requests.Session() as session:
        for _ in range(3):  # the same again, and with an id and without
            for more in ({}, {"id": "7"}, {}):
                answer = session.post(
                    f"{server.url}/v2/models/model/infer", json={**body, **more}, timeout=10
                )
                assert answer.status_code == 200, answer.text
                assert answer.json().get("id") == more.get("id")
                assert answer.json()["outputs"][0]["data"] == LABELS


@pytest.mark.parametrize("members", NULLS)
def test_null_is_absent_before_binary_tensors(server, members):
    body = json_body(**{key: value for key, value in members.items() if key != "input"})
    body["inputs"][0] |= {"data": None, "parameters": {"binary_data_size": ROWS.nbytes, "x": None}}
    text = json.dumps(body).encode()
    for _ in range(2):
        answer = requests.post(
            f"{server.url}/v2/models/model/infer", data=text + ROWS.tobytes(), timeout=10,
            headers={"Inference-Header-Content-Length": str(len(text))},
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["outputs"][0]["data"] == LABELS


@pytest.mark.parametrize("name", ["name", "shape", "datatype", "data"])
def test_null_is_not_what_is_needed(server, name):
    body = json_body()
    body["inputs"][0][name] = None
    answer = infer(server, body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("inputs[0]")


def test_a_byte_order_mark_is_skipped(server):
    mark = b"\xef\xbb\xbf"
    url = f"{server.url}/v2/models/model/infer"
    text = mark + json.dumps(json_body()).encode()
    for _ in range(2):
        answer = requests.post(url, data=text, timeout=10)
        assert (answer.status_code, answer.json()["outputs"][0]["data"]) == (200, LABELS)
    body = json_body()
    del body["inputs"][0]["data"]
    body["inputs"][0]["parameters"] = {"binary_data_size": ROWS.nbytes}
    text = mark + json.dumps(body).encode()
    for _ in range(2):
        answer = requests.post(url, data=text + ROWS.tobytes(), timeout=10,
                               headers={"Inference-Header-Content-Length": str(len(text))})
        assert (answer.status_code, answer.json()["outputs"][0]["data"]) == (200, LABELS)
    assert requests.post(url, data=mark + mark + text, timeout=10).status_code == 400


def test_the_models_are_listed(server, client):
    (version,) = client.get_model_metadata("model")["versions"]
    entry = {"name": "model", "version": version, "state": "READY"}
    assert client.get_model_repository_index() == [entry]
    for method in ("GET", "POST"):
        answer = requests.request(method, f"{server.url}/v2/repository/index", timeout=10)
        assert (answer.status_code, answer.json()) == (200, [entry])
    assert requests.post(f"{server.url}/v2/repository/index", json={"ready": True}, timeout=10).ok
    assert requests.get(f"{server.url}/v2/models", timeout=10).json() == {"models": [entry]}
    for method, path, allow in (("DELETE", "repository/index", "GET, HEAD, POST"), ("POST", "models", "GET, HEAD")):
        answer = requests.request(method, f"{server.url}/v2/{path}", timeout=10)
        assert (answer.status_code, answer.headers["Allow"]) == (405, allow)
    paths = requests.get(f"{server.url}/openapi.json", timeout=10).json()["paths"]
    assert "get" in paths["/v2/models"]
    assert {"get", "post"} <= set(paths["/v2/repository/index"])
