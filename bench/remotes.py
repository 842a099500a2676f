#!/usr/bin/env python3
"""`iris pull` beside `dvc pull`: 1,000 small files, and one large one, from the same web server.

    ./run bench remotes [--repeats 3] [--large-mb 1000] [--json]

Each repeat fetches with both programs, in turns, into a working folder and a cache that are empty;
what came is compared with what was sent. Seconds are of the whole program; memory is the largest
resident set of the process and its children (wait4). The page cache is warm for both.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import http.server
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

SMALL_FILES, SMALL_BYTES = 1_000, 4_096


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each small answer waits 40 ms for the client's delayed ACK

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """A client that hangs up early is its own matter; the digests tell what came."""


def put(store: pathlib.Path, content: bytes, suffix: str = "") -> str:
    digest = hashlib.md5(content).hexdigest()
    path = store / "files" / "md5" / digest[:2] / (digest[2:] + suffix)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return digest + suffix


def make_project(folder: pathlib.Path, url: str, name: str, digest: str) -> pathlib.Path:
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc" / "config").write_text(
        f"[core]\n    remote = r\n    analytics = false\n['remote \"r\"']\n    url = {url}\n"
    )
    (folder / f"{name}.dvc").write_text(f"outs:\n- md5: {digest}\n  hash: md5\n  path: {name}\n")
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


def run(argv: list[str], folder: pathlib.Path) -> tuple[float, float]:
    """Seconds and MB of a program that must succeed."""
    for old in folder.iterdir():
        if old.name in ("small", "large"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    for old in (folder / ".dvc" / "cache", folder / ".dvc" / "tmp", folder / "site"):
        shutil.rmtree(old, ignore_errors=True)
    environment = os.environ | {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(folder / "site")}
    begin = time.monotonic()
    process = subprocess.Popen(argv, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"remotes: {argv[0]} ended with {process.returncode}")
    return seconds, usage.ru_maxrss / 1024


def digest_of(path: pathlib.Path) -> str:
    whole = hashlib.md5()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                whole.update(chunk)
    return whole.hexdigest()


def cases(root: pathlib.Path, url: str, store: pathlib.Path, large_mb: int):
    """(title, project, name of the output) of each comparison."""
    contents = {f"{i:04}.bin": os.urandom(SMALL_BYTES) for i in range(SMALL_FILES)}
    listing = [{"md5": put(store, c), "relpath": n} for n, c in sorted(contents.items())]
    digest = put(store, json.dumps(listing, sort_keys=True).encode(), ".dir")
    yield f"{SMALL_FILES:,} files of 4 kB", make_project(root / "s", url, "small", digest), "small"
    block, digest = os.urandom(1_000_000), hashlib.md5()
    (store / "large").write_bytes(b"")
    with (store / "large").open("wb") as file:
        for i in range(large_mb):
            piece = i.to_bytes(8, "big") + block[8:]
            file.write(piece)
            digest.update(piece)
    place = store / "files" / "md5" / digest.hexdigest()[:2] / digest.hexdigest()[2:]
    place.parent.mkdir(parents=True, exist_ok=True)
    (store / "large").rename(place)
    project = make_project(root / "l", url, "large", digest.hexdigest())
    yield f"one file of {large_mb:,} MB", project, "large"


def measure(programs: dict[str, list[str]], project, name: str, repeats: int) -> dict:
    figures = {program: [] for program in programs}
    expected = None
    for repeat in range(repeats):
        order = list(programs) if repeat % 2 == 0 else list(reversed(programs))
        for program in order:
            figures[program].append(run(programs[program], project))
            found = digest_of(project / name)
            expected = expected or found
            if found != expected:
                sys.exit(f"remotes: {program} fetched other bytes")
    return figures


def table(results: dict[str, dict]) -> str:
    lines = [
        "| what | program | seconds | MB resident | seconds, dvc ÷ iris | MB, dvc ÷ iris |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]

    def spread(values, digits):
        values = sorted(values)
        return (
            f"{statistics.median(values):,.{digits}f} ({values[0]:,.{digits}f}–{values[-1]:,.{digits}f})"
        )

    for title, figures in results.items():
        ratios = [
            [d[i] / o[i] for o, d in zip(figures["iris"], figures["dvc"])] for i in range(2)
        ]
        for program, runs in figures.items():
            shown = [spread(r, 1) for r in ratios] if program == "iris" else ["", ""]
            seconds, memory = spread([r[0] for r in runs], 2), spread([r[1] for r in runs], 0)
            lines.append(f"| {title} | {program} | {seconds} | {memory} | {shown[0]} | {shown[1]} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--iris", required=True, type=pathlib.Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--large-mb", type=int, default=1_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    programs = {
        "iris": [str(options.iris.resolve()), "pull", "--quiet"],
        "dvc": [str(pathlib.Path(sys.executable).with_name("dvc")), "pull", "--quiet"],
    }
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        store = root / "store"
        store.mkdir()
        handler = functools.partial(QuietHandler, directory=str(store))
        server = Server(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        results = {
            title: measure(programs, project, name, options.repeats)
            for title, project, name in cases(root, url, store, options.large_mb)
        }
        server.shutdown()
    print(json.dumps(results, indent=2) if options.json else table(results))


if __name__ == "__main__":
    main()
