"""A request to a model and the answer that it must get, as `iris inspect MODEL --json` tells them: no script
knows what a model is about."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent


class Missing(Exception):
    """There is no such example, and why."""


@dataclasses.dataclass
class Example:
    """What is sent to /predict, and what comes back."""

    request: dict
    answer: dict


def read(path: str | None = None) -> Example:
    """From a file, or from models/model.onnx by the program that was built here."""
    try:
        if path is not None:
            text = Path(path).read_text(encoding="utf-8")
        else:
            program = os.environ.get("IRIS_BIN", REPO / "build" / "release" / "iris")
            command = [program, "inspect", REPO / "models" / "model.onnx", "--json"]
            inspected = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
            if inspected.returncode != 0:
                raise Missing(inspected.stderr.strip())
            text = inspected.stdout
        found = json.loads(text)
        return Example(found["request"], found["answer"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Missing(f"{path or 'iris inspect'}: no request with its answer ({error!r})") from error
