"""The real wrk, and what it counted."""

import re
import subprocess

SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"instances":[[5.1,3.5,1.4,0.2],[6.2,2.9,4.3,1.3],[6.3,3.3,6.0,2.5]]}'
"""


class Wrk:
    """A run in the background: Wrk(tmp_path, url, connections=16, seconds=5).result()."""

    def __init__(self, folder, url, connections, seconds, path="/predict", send=SCRIPT):
        script = folder / "send.lua"
        script.write_text(send)
        self.seconds = seconds
        self.process = subprocess.Popen(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency",
             "-s", script, f"{url}{path}"],
            stdout=subprocess.PIPE,
            text=True,
        )

    def result(self):
        out, _ = self.process.communicate(timeout=self.seconds + 30)
        assert self.process.returncode == 0, out
        errors = re.search(
            r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", out
        )
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
        return {
            "requests": int(re.search(r"(\d+) requests in", out).group(1)),
            "socket_errors": sum(map(int, errors.groups())) if errors else 0,
            "bad_status": int(bad.group(1)) if bad else 0,
            "text": out,
        }
