"""What stands in a file's place and is none, or is far too large; threads that cannot be started."""

import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import tempfile
import time

import pytest
import requests
from serving import FirstLine, LogReader, Pipe, read_urls

BODY = '{"instances":[[5.1,3.5,1.4,0.2]]}'
MIB = 1 << 20


def in_address_space(limit_bytes):
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def many_parts():
    """4 MB of empty graphs: two bytes each, some 300 in memory."""
    attribute = field(11, b"") * 1_900_000
    graph = field(1, field(5, attribute))
    return b"\x08\x08" + field(7, graph)


def brackets():
    return b"\x08\x08" + field(14, field(1, b"iris.golden_rows") + field(2, b"[" * 3_000_000))


def sparse(path, _model):
    path.write_bytes(b"")
    os.truncate(path, 400 * MIB)


def zeros_behind(path, model):
    path.write_bytes(model)
    os.truncate(path, 400 * MIB)


def unknown_field_behind(path, model):
    path.write_bytes(model + varint(1000 << 3 | 2) + varint(400 * MIB))
    os.truncate(path, path.stat().st_size + 400 * MIB)


def huge_length(path, model):
    path.write_bytes(model + b"\x72\xff\xff\xff\xff\x07")


def weights(path, _model, size=300 * MIB):
    """So many bytes of what may well be coefficients."""
    head = varint(7 << 3 | 2) + varint(size)
    attribute = b"\x0a\x0ccoefficients" + head
    node = varint(5 << 3 | 2) + varint(size + len(attribute)) + attribute
    graph = varint(1 << 3 | 2) + varint(size + len(node)) + node
    path.write_bytes(b"\x08\x08" + varint(7 << 3 | 2) + varint(size + len(graph)) + graph)
    os.truncate(path, path.stat().st_size + size)


def dense_parts(path, _model):
    path.write_bytes(many_parts())


def deep_json(path, model):
    path.write_bytes(model.replace(b"iris.golden_rows", b"iris.golden_rowz") + brackets()[2:])


WRONG = {
    sparse: "expected an ONNX model, but it is not one",
    zeros_behind: "expected an ONNX model, but it is not one",
    unknown_field_behind: "bytes beside the weights",
    huge_length: "expected an ONNX model, but it is not one",
    weights: "MiB are left of the",
    dense_parts: "memory",
    deep_json: "memory",
}


@pytest.mark.parametrize("how", ["address space", "control group"])
@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_a_wrong_file_is_refused_and_the_old_model_serves_on(
    in_memory_group, start_server, model, tmp_path, wrong, how
):
    path = tmp_path / "model.onnx"
    path.write_bytes(model.read_bytes())
    limit = in_address_space(160 * MIB) if how == "address space" else in_memory_group(64 * MIB)
    server = start_server("--threads", 1, served=path, preexec_fn=limit)
    fresh = tmp_path / "fresh"
    wrong(fresh, model.read_bytes())
    os.replace(fresh, path)
    url = f"{server.admin_url}/v2/repository/models/model/load"
    answer = requests.post(url, timeout=60)
    assert answer.status_code == 400, answer.text
    assert WRONG[wrong] in answer.json()["error"]
    assert requests.post(f"{server.url}/predict", data=BODY, timeout=10).status_code == 200


def test_memory_that_runs_out_within_a_reload_is_a_refusal(start_server, model, tmp_path):
    """The model is too small to be asked about beforehand, and there is less than that."""
    path = tmp_path / "model.onnx"
    path.write_bytes(model.read_bytes())
    server = start_server("--threads", 1, served=path)
    # All threads run, and what they need is there.
    assert requests.get(f"{server.admin_url}/metrics", timeout=20).status_code == 200
    assert requests.post(f"{server.url}/predict", data=BODY, timeout=10).status_code == 200
    with open(f"/proc/{server.process.pid}/statm", encoding="ascii") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    hard = resource.prlimit(server.process.pid, resource.RLIMIT_AS)[1]
    resource.prlimit(server.process.pid, resource.RLIMIT_AS, (used + 600_000, hard))
    fresh = tmp_path / "fresh"
    weights(fresh, b"", 500_000)
    os.replace(fresh, path)
    answer = requests.post(f"{server.admin_url}/v2/repository/models/model/load", timeout=20)
    assert answer.status_code == 400
    assert "the memory that is left does not suffice to load it" in answer.json()["error"]
    assert requests.post(f"{server.url}/predict", data=BODY, timeout=10).status_code == 200


def test_a_model_that_does_not_fit_is_an_error_at_the_start(iris, tmp_path, in_memory_group):
    path = tmp_path / "model.onnx"
    weights(path, b"")
    started = subprocess.run(
        [iris, "serve", "--model", path, "--port", "0", "--admin-port", "0"],
        capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=in_memory_group(64 * MIB),
    )
    assert started.returncode == 3, started.stderr
    assert "64.0 MiB of the memory limit of the control group" in started.stderr


def fifo(path):
    os.mkfifo(path)


def unix_socket(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


def null_device(path):
    path.symlink_to("/dev/null")


KINDS = {
    fifo: "found a FIFO, expected a regular file",
    unix_socket: "found a socket, expected a regular file",
    null_device: "found a character device, expected a regular file",
    pathlib.Path.mkdir: "found a folder, expected a regular file",
}


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_what_is_no_file_is_named_and_never_waited_for(run_iris, model, tmp_path, make):
    path = tmp_path / "odd"
    make(path)
    listening = ("--host", "127.0.0.1", "--port", 0, "--admin-port", 0)
    for arguments in (
        ("serve", "--model", path, *listening),
        ("serve", "--model", model, "--token-file", path, *listening),
        ("serve", "--model", model, "--tls-cert", path, "--tls-key", path, *listening),
        ("inspect", path),
        ("predict", "--model", path, "--input", "data/data.csv"),
        ("predict", "--model", model, "--input", path),
        ("check", path, "--schema", "data/schema.yaml"),
        ("check", "data/data.csv", "--schema", path),
        ("train", "--params", path),
    ):
        done = run_iris(*arguments, timeout=10)
        assert done.returncode == 2, arguments
        assert f"{path}: {KINDS[make]}" in done.stderr, done.stderr


def test_a_table_may_come_through_a_pipe(iris, model, repo):
    expected = subprocess.run(
        [iris, "predict", "--model", model, "--input", "data/data.csv"],
        capture_output=True, timeout=30, check=True, cwd=repo,
    ).stdout
    for script in (
        f"cat data/data.csv | {iris} predict --model {model} --input /dev/stdin",
        f"{iris} predict --model {model} --input <(sleep 0.3; cat data/data.csv)",
        f"{iris} predict --model {model} --input data/data.csv --output /dev/stdout | cat",
    ):
        done = subprocess.run(
            ["bash", "-c", script], capture_output=True, timeout=30, check=False, cwd=repo
        )
        assert done.stdout == expected, done.stderr


def test_an_access_log_may_be_a_device_and_is_never_waited_for(start_server, run_iris, model, tmp_path):
    start_server("--access-log", "/dev/null")
    odd = tmp_path / "odd"
    os.mkfifo(odd)
    done = run_iris("serve", "--model", model, "--access-log", odd, "--port", 0, "--admin-port", 0,
                    timeout=10)
    assert done.returncode == 2
    assert f"access log {odd}: found a FIFO that nobody reads" in done.stderr


def test_a_fifo_in_the_models_place_holds_up_nothing(start_server, model, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(model.read_bytes())
    server = start_server("--drain-timeout", "2s", served=path)
    path.unlink()
    os.mkfifo(path)
    answer = requests.post(f"{server.admin_url}/v2/repository/models/model/load", timeout=10)
    assert answer.status_code == 400
    assert "found a FIFO" in answer.json()["error"]
    assert server.terminate(timeout=10)[0] == 0


@pytest.fixture
def hanging(tmp_path, iris):
    """Reads of files below that folder never come to an end, as of a mount whose server is gone."""
    library = tmp_path / "hang.so"
    source = tmp_path / "hang.c"
    source.write_text(
        "#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <fcntl.h>\n#include <stdlib.h>\n"
        "#include <sys/types.h>\n#include <unistd.h>\n"
        "ssize_t pread(int fd, void* to, size_t size, off_t at) {\n"
        "  while (access(getenv(\"HANG\"), F_OK) == 0) usleep(10000);\n"
        "  return ((ssize_t(*)(int, void*, size_t, off_t))dlsym(RTLD_NEXT, \"pread\"))"
        "(fd, to, size, at);\n}\n"
        "ssize_t pread64(int fd, void* to, size_t size, off_t at) {"
        " return pread(fd, to, size, at); }\n"
    )
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return {"LD_PRELOAD": str(library), "HANG": str(tmp_path / "hang")}


@pytest.mark.parametrize("what", ["model", "token"])
def test_a_read_that_hangs_does_not_keep_the_process(start_server, model, tmp_path, hanging, what):
    path, token = tmp_path / "model.onnx", tmp_path / "token"
    path.write_bytes(model.read_bytes())
    token.write_text("secret")
    token.chmod(0o600)
    server = start_server("--drain-timeout", "2s", "--token-file", token, served=path,
                          environment=hanging)
    pathlib.Path(hanging["HANG"]).touch()
    if what == "model":
        os.utime(path)
    server.process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    # The admin port, which the thread with the signals serves, answers all the while.
    assert requests.get(f"{server.admin_url}/metrics", timeout=5).status_code == 200
    code, log = server.terminate(timeout=10)
    assert code == 0
    assert b"ended; every request was answered" in log
    assert b"does not come to an end" in log


def test_a_second_signal_ends_a_process_whose_control_thread_hangs(iris, model, tmp_path, hanging):
    """It is stopped within a write to the access log, as on a mount that is gone."""
    source = tmp_path / "stuck.c"
    source.write_text(
        "#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <stdlib.h>\n#include <sys/types.h>\n"
        "#include <unistd.h>\n"
        "ssize_t write(int fd, const void* from, size_t size) {\n"
        "  while (size > 1 && *(const char*)from == '{' && access(getenv(\"HANG\"), F_OK) == 0)"
        " usleep(10000);\n"
        "  return ((ssize_t(*)(int, const void*, size_t))dlsym(RTLD_NEXT, \"write\"))"
        "(fd, from, size);\n}\n"
    )
    library = tmp_path / "stuck.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    process = subprocess.Popen(
        [iris, "serve", "--model", model, "--host", "127.0.0.1", "--port", "0", "--admin-port", "0",
         "--access-log", tmp_path / "log", "--drain-timeout", "60s"],
        stderr=subprocess.PIPE,
        env={**os.environ, **hanging, "LD_PRELOAD": str(library)},
    )
    log = LogReader(process)
    url, _ = read_urls(log)
    try:
        hang_and_end(process, url, pathlib.Path(hanging["HANG"]))
    finally:
        process.kill()
        log.end()


def hang_and_end(process, url, hang):
    requests.post(f"{url}/predict", data=BODY, timeout=5)
    hang.touch()
    requests.post(f"{url}/predict", data=BODY, timeout=5)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=5) == 130


def limited_threads(limit):
    """For a user of its own: the limit is on all the processes of a user, and not on root's."""
    def limit_them():
        resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))
        os.setgroups([])
        os.setgid(65503)
        os.setuid(65503)

    return limit_them


@pytest.fixture
def readable_model(model):
    """Where any user gets at it, not below pytest's own folder."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = pathlib.Path(folder, "model.onnx")
        path.write_bytes(model.read_bytes())
        path.chmod(0o644)
        yield path


def test_a_reload_without_a_thread_is_refused_and_comes_when_there_is_one(start_server, readable_model):
    with subprocess.Popen(["sleep", "60"], preexec_fn=limited_threads(100)) as other:
        server = start_server("--threads", 2, served=readable_model, preexec_fn=limited_threads(4))
        url = f"{server.admin_url}/v2/repository/models/model/load"
        answer = requests.post(url, timeout=10)
        assert answer.status_code == 400
        assert "cannot start a thread" in answer.json()["error"]
        assert "ulimit -u, now 4" in answer.json()["error"]
        assert requests.post(f"{server.url}/predict", data=BODY, timeout=10).status_code == 200
        other.kill()
    answer = requests.post(url, timeout=10)
    assert answer.json()["result"] == "unchanged", answer.text


def test_a_log_without_a_thread_waits_for_nobody(iris, readable_model):
    errors = Pipe()
    with subprocess.Popen(
        [iris, "serve", "--model", readable_model, "--host", "127.0.0.1", "--port", "0",
         "--admin-port", "0", "--threads", "1"],
        stderr=errors.write_end, preexec_fn=limited_threads(2),
    ) as process:  # fmt: skip
        url, admin_url = read_urls(FirstLine(errors))
        errors.fill()
        for _ in range(50):
            process.send_signal(signal.SIGHUP)
            assert requests.post(f"{url}/predict", data=BODY, timeout=10).status_code == 200
            page = requests.get(f"{admin_url}/metrics", timeout=10).text
        assert int(re.search(r"^iris_log_lines_dropped_total (\d+)$", page, re.M).group(1)) > 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    errors.close()


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_start_without_enough_threads_is_an_error_of_the_environment(iris, readable_model, limit):
    ended = subprocess.run(
        [iris, "serve", "--model", readable_model, "--host", "127.0.0.1", "--port", "0",
         "--admin-port", "0", "--threads", "4"],
        capture_output=True, text=True, timeout=20, check=False, preexec_fn=limited_threads(limit),
    )
    assert ended.returncode == 3, ended.stderr
    assert f"ulimit -u, now {limit}" in ended.stderr
