"""A log that nobody reads holds up nothing: `iris serve` with full pipes for its standard error and
its standard output serves, is controlled and ends as ever."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest
import requests
from serving import FirstLine, Pipe, read_urls

ROWS = {"instances": [[5.1, 3.5, 1.4, 0.2]]}


@pytest.fixture
def unread(iris, model, tmp_path):
    """A server whose standard error and output are full, and whose lines are long."""
    errors, output = Pipe(), Pipe()
    folder = tmp_path
    for _ in range(12):
        folder = folder / ("long" * 50)
    folder.mkdir(parents=True)
    served = shutil.copy(model, folder / "model.onnx")
    argv = [iris, "serve", "--model", served, "--host", "127.0.0.1", "--port", "0"]
    argv += ["--admin-port", "0", "--threads", "1", "--access-log", "-"]
    process = subprocess.Popen(
        list(map(str, argv)), stdout=output.write_end, stderr=errors.write_end
    )
    urls = read_urls(FirstLine(errors))
    errors.fill()
    output.fill()
    yield process, *urls, errors
    if process.poll() is None:
        process.kill()
    process.wait()
    errors.close()
    output.close()


def reload_often(admin_url, times):
    for _ in range(times):
        answer = requests.post(f"{admin_url}/v2/repository/models/model/load", timeout=20)
        assert (answer.status_code, answer.json()["result"]) == (200, "unchanged")


def dropped_lines(admin_url):
    page = requests.get(f"{admin_url}/metrics", timeout=20).text
    return int(re.search(r"^iris_log_lines_dropped_total (\d+)$", page, re.M).group(1))


def test_it_is_controlled_served_and_ended_while_nobody_reads(unread):
    process, url, admin_url, _ = unread
    for _ in range(100):
        process.send_signal(signal.SIGHUP)
    reload_often(admin_url, 300)
    for address in (url, admin_url):
        assert requests.get(f"{address}/health", timeout=20).status_code == 200
    assert requests.post(f"{url}/predict", json=ROWS, timeout=20).status_code == 200
    assert dropped_lines(admin_url) > 0
    process.terminate()
    assert process.wait(timeout=20) == 0


def test_the_access_log_has_the_pipe_for_itself_and_never_waits(unread):
    """Room that poll promises may be gone when another writer of the same pipe took it."""
    process, *_ = unread
    folder = pathlib.Path("/proc", str(process.pid))
    pipe = os.readlink(folder / "fd" / "1")
    flags = {
        fd: int(re.search(r"^flags:\s+(\d+)$", (folder / "fdinfo" / fd).read_text(), re.M)[1], 8)
        for fd in os.listdir(folder / "fd")
        if os.readlink(folder / "fd" / fd) == pipe
    }
    assert not flags.pop("1") & os.O_NONBLOCK, "the description that was given is others', too"
    assert flags and all(flag & os.O_NONBLOCK for flag in flags.values()), flags


def test_what_was_dropped_is_told_once_there_is_room_and_the_last_lines_are_there(unread):
    process, _, admin_url, errors = unread
    reload_often(admin_url, 300)
    dropped = dropped_lines(admin_url)
    assert dropped > 0
    text = b""
    process.terminate()
    deadline = time.monotonic() + 20
    while b"ended; every request was answered" not in text:
        assert time.monotonic() < deadline
        text += errors.read()
    assert process.wait(timeout=20) == 0
    told = re.findall(rb"(\d+) log lines were dropped: nothing read standard error\n", text)
    assert sum(map(int, told)) >= dropped
    assert text.index(b" log lines were dropped") < text.index(b"draining: answering")
