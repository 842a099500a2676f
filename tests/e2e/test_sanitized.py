"""The program as the sanitizers build it, under load: threads, clients and reloads all at once."""

import itertools
import os
import re
import signal
import subprocess
import time

import pytest
import requests
from wrk import SCRIPT, Wrk

SECONDS = 5
INFER = """
wrk.method = "POST"
wrk.body = '{"inputs":[{"name":"input","shape":[1,4],"datatype":"FP32","data":[5.1,3.5,1.4,0.2]}]}'
"""
BINARY_JSON = (
    '{"inputs":[{"name":"input","shape":[1,4],"datatype":"FP32","parameters":'
    '{"binary_data_size":16}}],"outputs":[{"name":"label","parameters":{"binary_data":true}}]}'
)
INFER_BINARY = f"""
wrk.method = "POST"
wrk.headers["Inference-Header-Content-Length"] = "{len(BINARY_JSON)}"
wrk.body = '{BINARY_JSON}' .. string.rep("\\0\\0\\128\\63", 4)
"""
SANITIZERS = pytest.mark.parametrize(
    ("program", "variable"),
    [("asan/iris", "ASAN_OPTIONS"), ("tsan/serving/iris", "TSAN_OPTIONS")],
    ids=["address", "thread"],
)


def is_sanitized(program, variable):
    """A sanitizer that is asked to tells its flags."""
    environment = {**os.environ, variable: "help=1"}
    shown = subprocess.run([program, "--version"], env=environment, capture_output=True, text=True)
    return "Available flags for" in shown.stdout + shown.stderr


@SANITIZERS
def test_nothing_is_found_under_load(start_server, models, repo, tmp_path, program, variable):
    program = repo / "build" / program
    assert program.is_file(), f"{program} is not built; ./run test builds it"
    assert is_sanitized(program, variable)
    served = tmp_path / "model.onnx"
    served.write_bytes(models[0])
    server = start_server(
        "--threads", 2, "--max-connection-age", "1s", "--access-log", tmp_path / "access.log",
        program=program, served=served, environment={variable: "exitcode=66"},
    )  # fmt: skip
    infer = "/v2/models/model/infer"
    asked = [("/predict", SCRIPT), (infer, INFER), (infer, INFER_BINARY)]
    loads = []
    for name, (path, send) in zip("abc", asked):
        folder = tmp_path / name
        folder.mkdir()
        loads.append(Wrk(folder, server.url, 32, SECONDS, path, send))
    end = time.monotonic() + SECONDS - 1
    for model in itertools.cycle(reversed(models)):
        if time.monotonic() > end:
            break
        fresh = tmp_path / "fresh"
        fresh.write_bytes(model)
        os.replace(fresh, served)
        server.process.send_signal(signal.SIGHUP)
        for url in (f"{server.admin_url}/metrics", f"{server.url}/live.json"):
            assert requests.get(url, timeout=10).status_code == 200
    reloads = requests.get(f"{server.admin_url}/metrics", timeout=10).text
    assert int(re.search(r'reloads_total{result="replaced"} (\d+)', reloads).group(1)) > 1
    for load in (load.result() for load in loads):
        assert load["requests"] > 0
        assert (load["socket_errors"], load["bad_status"]) == (0, 0), load["text"]
    status, log = server.terminate()
    assert status == 0 and b"Sanitizer" not in log, log.decode()


@SANITIZERS
def test_a_program_without_a_sanitizer_is_told(iris, program, variable):
    assert not is_sanitized(iris, variable)
