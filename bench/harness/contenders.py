"""Who `./run bench serve` compares: each server, how its users start it, and what it is asked.

Every server listens on 127.0.0.1 at the port that it is given, logs no requests, and sends nothing
about its use to anybody.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from harness import request
from harness.request import Request
from harness.server import Command, Server
from harness.session import ROOT

BENCH = ROOT / "bench"
LABELS = ["setosa", "versicolor", "virginica"]  # of the manifest's three rows
MLSERVER_NAMES = request.V2Names("iris", "input", "predict")

# Names of rows of the table. A format's limit sends the bytes that iris answers in that format.
LIMIT, IRIS, REFERENCE, FASTAPI, BENTOML = "limit", "iris", "reference", "fastapi", "bentoml"
MLSERVER = "mlserver, V2"
LIMIT_V2, IRIS_V2 = "limit, V2", "iris, V2"
LIMIT_BINARY, IRIS_BINARY = "limit, V2 binary", "iris, V2 binary"
ORDER = [LIMIT, IRIS, FASTAPI, BENTOML, REFERENCE, LIMIT_V2, IRIS_V2, MLSERVER]
ORDER += [LIMIT_BINARY, IRIS_BINARY]
LIMIT_OF = {IRIS: LIMIT, IRIS_V2: LIMIT_V2, IRIS_BINARY: LIMIT_BINARY}


@dataclasses.dataclass(frozen=True)
class Contender:
    """A row of the table."""

    command: Command
    request: Request

    @property
    def name(self) -> str:
        return self.command.name


@dataclasses.dataclass(frozen=True)
class Programs:
    """Where the programs and files are that the contenders need."""

    iris: Path
    limit: Path
    model: Path  # ONNX
    data: Path  # CSV
    environments: Path  # one virtual environment for each peer
    manifest: Path  # its wrk script holds the rows

    def of(self, peer: str, program: str) -> Path:
        return self.environments.absolute() / peer / "bin" / program

    def files(self) -> list[Path]:
        """What iris and its limit need."""
        return [self.iris, self.limit, self.model, self.data, self.manifest]

    def peers(self) -> list[Path]:
        """What stands when the peers are installed."""
        needed = {"fastapi": "uvicorn", "bentoml": "bentoml", "mlserver": "mlserver"}
        return [self.of(peer, program) for peer, program in needed.items()]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the programs and files are."""
    parser.add_argument("--iris", type=Path, default=ROOT / "build/release/iris", help="the program")
    parser.add_argument(
        "--helpers", type=Path, default=ROOT / "build/bench/bench", help="folder of limit and start"
    )
    parser.add_argument("--environments", type=Path, default=ROOT / ".venv-bench", help="of the peers")
    parser.add_argument("--model", type=Path, default=ROOT / "models/model.onnx")
    parser.add_argument("--data", type=Path, default=ROOT / "data/data.csv")
    parser.add_argument(
        "--manifest", type=Path, default=ROOT / "k8s/loadtest/wrk-configmap.yaml", help="holds the rows"
    )


def programs(arguments: argparse.Namespace) -> Programs:
    """What add_arguments() has read."""
    return Programs(
        iris=arguments.iris,
        limit=arguments.helpers / "limit",
        model=arguments.model,
        data=arguments.data,
        environments=arguments.environments,
        manifest=arguments.manifest,
    )


def contenders(programs: Programs, folder: Path, core: int) -> list[Contender]:
    """Every row, with what it needs written into the folder. Asks iris for the limits' answers."""
    rows = request.rows_of(programs.manifest)
    predict = request.predict(rows, LABELS)
    return [
        *with_limits(programs, folder, core).values(),
        Contender(reference(programs), predict),
        Contender(fastapi(programs), predict),
        Contender(bentoml(programs, folder), predict),
        Contender(mlserver(programs, folder), request.v2_json(rows, LABELS, MLSERVER_NAMES)),
    ]


def with_limits(programs: Programs, folder: Path, core: int) -> dict[str, Contender]:
    """iris in each format of request, and the limit of each, by name."""
    rows = request.rows_of(programs.manifest)
    predict = request.predict(rows, LABELS)
    names = v2_names(programs, predict, core)
    own = [
        Contender(iris(programs, IRIS), predict),
        Contender(iris(programs, IRIS_V2), request.v2_json(rows, LABELS, names)),
        Contender(iris(programs, IRIS_BINARY), request.v2_binary(rows, LABELS, names)),
    ]
    limits = [limit_of(one, programs, folder, core) for one in own]
    return {one.name: one for one in [*limits, *own]}


def iris(programs: Programs, name: str, threads: int = 1) -> Command:
    return Command(
        name,
        [str(programs.iris), "serve", "--model", str(programs.model), "--threads", str(threads)]
        + ["--host", "127.0.0.1", "--port", "{port}", "--admin-port", "0"],
    )


def v2_names(programs: Programs, predict: Request, core: int) -> request.V2Names:
    """The names of iris's model metadata."""
    model = programs.model.stem
    with Server(iris(programs, IRIS), {core}, predict) as server:
        status, body = server.ask(f"/v2/models/{model}")
    if status != 200:
        raise RuntimeError(f"iris: expected the metadata of {model}, got {status}: {body!r}")
    metadata = json.loads(body)
    labels = next(tensor for tensor in metadata["outputs"] if tensor["datatype"] == "BYTES")
    return request.V2Names(model, metadata["inputs"][0]["name"], labels["name"])


def limit_of(asked: Contender, programs: Programs, folder: Path, core: int) -> Contender:
    """The responder that sends what the other answers; raises RuntimeError on a wrong answer."""
    with Server(asked.command, {core}, asked.request) as server:
        whole = server.ask_raw()
    body = whole.partition(b"\r\n\r\n")[2]
    if not whole.startswith(b"HTTP/1.1 200 ") or not asked.request.is_answered_by(body):
        raise RuntimeError(f"{asked.name}: expected {asked.request.expected!r}, got {whole!r}")
    answer = folder / f"{asked.name}.http"
    answer.write_bytes(whole)
    command = Command(LIMIT_OF[asked.name], [str(programs.limit), "{port}", str(answer)])
    return Contender(command, asked.request)


def reference(programs: Programs) -> Command:
    """Flask as the reference has it: gunicorn with its default of one synchronous worker."""
    gunicorn = Path(sys.executable).with_name("gunicorn")
    return Command(
        REFERENCE,
        ["env", f"IRIS_DATA={programs.data.resolve()}", str(gunicorn)]
        + ["--bind", "127.0.0.1:{port}", "--chdir", str(BENCH / "reference"), "app:app"],
    )


def fastapi(programs: Programs) -> Command:
    """One uvicorn process, as FastAPI's documentation runs it in a container."""
    return Command(
        FASTAPI,
        ["env", f"IRIS_MODEL={programs.model.resolve()}", str(programs.of("fastapi", "uvicorn"))]
        + ["--app-dir", str(BENCH / "fastapi"), "--no-access-log"]
        + ["--host", "127.0.0.1", "--port", "{port}", "app:app"],
    )


def bentoml(programs: Programs, folder: Path) -> Command:
    """One worker; what it would keep in the home folder goes into the given one."""
    model = write_joblib(programs, "bentoml", folder / "bentoml.joblib")
    home = folder / "bentoml"
    home.mkdir()
    return Command(
        BENTOML,
        ["env", f"IRIS_MODEL={model}", f"BENTOML_HOME={home}", "BENTOML_DO_NOT_TRACK=True"]
        + [str(programs.of("bentoml", "bentoml")), "serve", "--host", "127.0.0.1"]
        + ["--port", "{port}", "--working-dir", str(BENCH / "bentoml"), "service:Iris"],
    )


def mlserver(programs: Programs, folder: Path) -> Command:
    """A folder with both settings files and the model, started as its documentation says.

    parallel_workers 0 is its way to predict in the process that serves; its gRPC and metrics ports
    cannot be switched off.
    """
    models = folder / "mlserver"
    models.mkdir()
    for settings in (BENCH / "mlserver").glob("*.json"):
        shutil.copy(settings, models)
    write_joblib(programs, "mlserver", models / "model.joblib")
    return Command(
        MLSERVER,
        ["env", "--chdir", str(models), "MLSERVER_HTTP_PORT={port}", "MLSERVER_GRPC_PORT={any}"]
        + ["MLSERVER_METRICS_PORT={any}", str(programs.of("mlserver", "mlserver")), "start", "."],
    )


def write_joblib(programs: Programs, peer: str, path: Path) -> Path:
    """scikit-learn's model, trained and written by the peer's own scikit-learn."""
    python = str(programs.of(peer, "python"))
    train = str(BENCH / "reference" / "train.py")
    subprocess.run([python, train, str(programs.data), str(path)], check=True)
    return path


# The libraries whose versions tell what a peer is.
TELLING = {
    FASTAPI: ["FastAPI", "pydantic", "uvicorn", "onnxruntime"],
    BENTOML: ["BentoML", "scikit-learn"],
    "mlserver": ["MLServer", "FastAPI", "uvicorn", "scikit-learn"],
    REFERENCE: ["Flask", "gunicorn", "scikit-learn"],
}


def versions(programs: Programs) -> str:
    """A sentence on what is installed in the environment of each peer."""
    said = []
    for peer, names in TELLING.items():
        folder = Path(sys.prefix) if peer == REFERENCE else programs.environments / peer
        paths = [str(path) for path in folder.glob("lib/python*/site-packages")]
        found = [
            f"{name} {distribution.version}"
            for name in names
            for distribution in importlib.metadata.distributions(name=name, path=paths)
        ]
        said.append(f"{peer} is {', '.join(found)}")
    return "; ".join(said) + "."


def shuffled(listed: Sequence[Contender], order: random.Random) -> list[Contender]:
    """A new order in which what iris is divided by stands beside it: the machine drifts."""
    pairs: dict[str, list[Contender]] = {}
    for contender in listed:
        pairs.setdefault(LIMIT_OF.get(contender.name, contender.name), []).append(contender)
    drawn = order.sample(list(pairs.values()), len(pairs))
    return [contender for pair in drawn for contender in order.sample(pair, len(pair))]
