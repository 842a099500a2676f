#!/usr/bin/env python3
"""`iris pull` beside `dvc pull`: 1,000 small files, and one large one, from the same web server, which
is nginx: of a server in Python both would wait for the server.

    ./run bench remotes [--repeats 3] [--large-mb 1000] [--json]

Each repeat fetches with both programs, in turns, into a working folder and a cache that are new, and
what came is compared. Nothing is deleted before the end: ext4 looks through the names that were just
freed whenever it makes a file, which took eight times as long as the pull itself. What a run wrote is
on the disk before the next begins. Seconds are of the whole program; memory is the largest resident
set of the process and its children (wait4). The page cache is warm for both.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from harness.nginx import Nginx

SMALL_FILES, SMALL_BYTES = 1_000, 4_096


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


def run(argv: list[str], template: pathlib.Path, name: str) -> tuple[float, float, str]:
    """Seconds and MB of a program that must succeed, and the digest of what it fetched."""
    number = len(list(template.parent.glob(f"{template.name}-*")))
    folder = template.with_name(f"{template.name}-{number}")
    shutil.copytree(template, folder)
    environment = os.environ | {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(folder / "site")}
    os.sync()
    begin = time.monotonic()
    process = subprocess.Popen(argv, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"remotes: {argv[0]} ended with {process.returncode}")
    return seconds, usage.ru_maxrss / 1024, digest_of(folder / name)


def digest_of(path: pathlib.Path) -> str:
    whole = hashlib.md5()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                whole.update(chunk)
    return whole.hexdigest()


def cases(root: pathlib.Path, server: Nginx, large_mb: int):
    """(title, project, name of the output) of each comparison."""
    url, store = server.url, server.store
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


def measure(programs: dict[str, list[str]], server: Nginx, project, name: str, repeats: int) -> dict:
    """Seconds, MB, connections and requests of each run of each program."""
    figures = {program: [] for program in programs}
    expected = None
    for repeat in range(repeats):
        order = list(programs) if repeat % 2 == 0 else list(reversed(programs))
        for program in order:
            before = len(server.requests())
            seconds, megabytes, found = run(programs[program], project, name)
            asked = server.requests()[before:]
            connections = len({one.connection for one in asked})
            figures[program].append((seconds, megabytes, connections, len(asked)))
            expected = expected or found
            if found != expected:
                sys.exit(f"remotes: {program} fetched other bytes")
    return figures


def spread(values, digits: int) -> str:
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:,.{digits}f} ({low:,.{digits}f}–{high:,.{digits}f})"


def table(results: dict[str, dict]) -> str:
    lines = [
        "| what | program | seconds | MB resident | connections | requests | seconds, dvc ÷ iris | MB, dvc ÷ iris |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for title, figures in results.items():
        for program, runs in figures.items():
            cells = [spread([r[i] for r in runs], digits) for i, digits in enumerate((2, 0, 0, 0))]
            ratios = ["", ""]
            if program == "iris":
                pairs = list(zip(runs, figures["dvc"], strict=True))
                ratios = [spread([dvc[i] / iris[i] for iris, dvc in pairs], 1) for i in range(2)]
            lines.append(f"| {' | '.join([title, program, *cells, *ratios])} |")
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
    with tempfile.TemporaryDirectory() as folder, Nginx() as server:
        root = pathlib.Path(folder)
        results = {
            title: measure(programs, server, project, name, options.repeats)
            for title, project, name in cases(root, server, options.large_mb)
        }
    print(json.dumps(results, indent=2) if options.json else table(results))


if __name__ == "__main__":
    main()
