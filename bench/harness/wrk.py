"""The closed-loop load of wrk, with its figures taken from its own counters and not from its text."""

from __future__ import annotations

import dataclasses
import json
import resource
import subprocess
from pathlib import Path

from harness.request import Request, lua_string

# Appended to the script that says what to send. Of wrk, counts are taken and latencies are not: before it
# calls done() it adds samples to them that nobody measured (stats_correct in its source).
FIGURES = """
function done(summary, latency, requests)
  local errors = summary.errors
  io.stderr:write(string.format(
    '{"requests":%d,"duration_us":%d,"errors":%d,"non_2xx":%d}',
    summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.timeout, errors.status))
end
"""

# Looks into every answer; costs the generator so much that it is for the warm-up only.
CHECK = """
local threads = {}
function setup(thread) table.insert(threads, thread) end
wrong = 0
local function holds(body, expected)
  return body:find(expected, 1, true) or (body:gsub("%s", "")):find(expected, 1, true)
end
function response(status, headers, body)
  if status ~= 200 or not holds(body, EXPECTED) then wrong = wrong + 1 end
end
function done(summary, latency, requests)
  local total = 0
  for _, thread in ipairs(threads) do total = total + thread:get("wrong") end
  local errors = summary.errors
  io.stderr:write(string.format('{"answers":%d,"wrong":%d,"errors":%d}', summary.requests, total,
    errors.connect + errors.read + errors.write + errors.timeout))
end
"""

# An answer that takes longer is an error; wrk's own 2 s are too short for 100 connections to a server
# that answers 50 requests a second.
ANSWER_TIMEOUT_S = 10
TIMEOUT_MARGIN_S = 30.0


@dataclasses.dataclass(frozen=True)
class Load:
    """What one run of wrk measured."""

    requests: int
    duration_us: int
    errors: int  # connect, read, write, timeout
    non_2xx: int
    generator_cpu_s: float

    @property
    def requests_per_s(self) -> float:
        return self.requests / self.duration_us * 1e6


class Wrk:
    """wrk with one thread on one core, sending one request again and again."""

    def __init__(self, folder: Path, core: int, connections: int) -> None:
        self._folder = folder
        self._core = core
        self._connections = connections

    def check(self, port: int, request: Request, seconds: int) -> tuple[int, int]:
        """Compares every body with what the request expects; answers and failures."""
        expected = f"local EXPECTED = {lua_string(request.expected)}\n"
        figures = self._run(expected + CHECK, port, request, seconds)
        return figures["answers"], figures["wrong"] + figures["errors"]

    def measure(self, port: int, request: Request, seconds: int) -> Load:
        before = _children_cpu_s()
        figures = self._run(FIGURES, port, request, seconds)
        return Load(**figures, generator_cpu_s=_children_cpu_s() - before)

    def _run(self, reporting: str, port: int, request: Request, seconds: int) -> dict:
        script = self._folder / "load.lua"
        script.write_text(request.script() + reporting, encoding="ascii")
        # By taskset, because what runs between fork and exec is not safe beside other threads.
        argv = ["taskset", "-c", str(self._core), "wrk", "-t1", f"-c{self._connections}", f"-d{seconds}s", "-s", str(script)]
        argv += [f"--timeout={ANSWER_TIMEOUT_S}s", f"http://127.0.0.1:{port}{request.path}"]
        finished = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + TIMEOUT_MARGIN_S,
        )
        if finished.returncode != 0:
            raise RuntimeError(f"wrk failed:\n{finished.stdout}{finished.stderr}")
        return json.loads(finished.stderr)


def _children_cpu_s() -> float:
    """Processor time of the children that have ended and were waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
