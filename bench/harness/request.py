"""What servers are asked: one request, as bytes on the wire and as a script of wrk.

The rows are those of the manifest that the load test of the cluster uses, so that every server and
every format gets the same numbers.
"""

from __future__ import annotations

import dataclasses
import json
import re
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

Rows = Sequence[Sequence[float]]


@dataclasses.dataclass(frozen=True)
class Request:
    """A POST, and what the body of a right answer holds, white space aside."""

    path: str
    body: bytes
    expected: bytes
    headers: Mapping[str, str] = dataclasses.field(
        default_factory=lambda: {"Content-Type": "application/json"}
    )

    def is_answered_by(self, body: bytes) -> bool:
        # As it is first: in a binary tensor a length may look like white space.
        return self.expected in body or self.expected in b"".join(body.split())

    def on_wire(self, port: int) -> bytes:
        """The bytes that wrk sends for it."""
        lines = [f"POST {self.path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(lines).encode("ascii") + self.body

    def script(self) -> str:
        """The Lua that makes wrk send it."""
        lines = ['wrk.method = "POST"', f"wrk.body = {lua_string(self.body)}"]
        lines += [
            f"wrk.headers[{lua_string(name.encode())}] = {lua_string(value.encode())}"
            for name, value in self.headers.items()
        ]
        return "\n".join(lines) + "\n"


def lua_string(data: bytes) -> str:
    """A Lua literal of any bytes."""
    return '"' + "".join(_lua_character(byte) for byte in data) + '"'


def _lua_character(byte: int) -> str:
    return chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03d}"


def rows_of(manifest: Path) -> list[list[float]]:
    """The rows of the request in the manifest, a ConfigMap with request.json."""
    request = yaml.safe_load(manifest.read_text(encoding="utf-8"))["data"]["request.json"]
    return json.loads(request)["instances"]


def predict(rows: Rows, labels: Sequence[str]) -> Request:
    """POST /predict."""
    expected = _compact({"predictions": list(labels)})
    return Request("/predict", _json({"instances": rows}), expected)


@dataclasses.dataclass(frozen=True)
class V2Names:
    """What a server calls its model and the two tensors of a V2 request."""

    model: str
    input: str
    labels: str

    @property
    def path(self) -> str:
        return f"/v2/models/{self.model}/infer"


def v2_json(rows: Rows, labels: Sequence[str], names: V2Names) -> Request:
    """A V2 infer request in JSON that asks for the labels alone, as /predict does."""
    tensor = {**_tensor(rows, names), "data": rows}
    body = _json({"id": "1", "inputs": [tensor], "outputs": [{"name": names.labels}]})
    return Request(names.path, body, b'"data":' + _compact(list(labels)))


def v2_binary(rows: Rows, labels: Sequence[str], names: V2Names) -> Request:
    """The same with its tensors, in and out, as bytes after a JSON header."""
    data = b"".join(struct.pack(f"<{len(row)}f", *row) for row in rows)
    tensor = {**_tensor(rows, names), "parameters": {"binary_data_size": len(data)}}
    output = {"name": names.labels, "parameters": {"binary_data": True}}
    head = _json({"id": "1", "inputs": [tensor], "outputs": [output]})
    headers = {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(head)),
    }
    expected = b"".join(struct.pack("<I", len(label)) + label.encode() for label in labels)
    return Request(names.path, head + data, expected, headers)


def _tensor(rows: Rows, names: V2Names) -> dict[str, object]:
    return {"name": names.input, "shape": [len(rows), len(rows[0])], "datatype": "FP32"}


def _json(document: object) -> bytes:
    """With white space after commas and colons, as Python's clients and the manifest send it."""
    return json.dumps(document).encode()


def _compact(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
