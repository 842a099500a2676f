#!/usr/bin/env python3
"""The house rules, checked: who may include whom, that every test is built, and what no file says.

    python3 tests/structure/check_structure.py [--root DIR]

One line per violation, `file:line: what, and the fix`; exit status 1 when there is one. Needs
nothing but Python. A rule that changes is changed here, in MAY_USE or in the constants below it.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cmake_lists

# The folders of src/ and what each may include; what those may use is allowed too. A folder within
# a folder that has no line of its own belongs to the one above it. ARCHITECTURE.md shows this table.
MAY_USE: dict[str, list[str]] = {
    "base": [],
    "remote": ["base"],
    "dataset": ["base", "remote"],
    "model": ["base"],
    "format": ["model"],
    "train": ["dataset", "model"],
    "engine": ["model"],
    "http": ["base"],
    "serve": ["http", "engine", "format"],
    "load": ["http"],
    "kube": ["base"],
    "scale/hpa": ["kube"],
    "scale": ["scale/hpa", "kube", "load"],
    "scale/local": ["scale"],
    "scale/cluster": ["scale"],
    "scale/simulation": ["scale"],
    "report": ["base"],
}
MAY_USE["cli"] = list(MAY_USE)  # the only place where parts meet

# scale/hpa is arithmetic over its arguments: a decision can be replayed from what went in.
PURE_FOLDERS = ("scale/hpa",)
IMPURE_INCLUDE = re.compile(
    r"""[<"](?:
        cstdio|stdio\.h|fstream|iostream|filesystem|ctime|time\.h|random|thread|future
        |unistd\.h|fcntl\.h|poll\.h|sys/.*|boost/.*|spdlog/.*|curl/.*
        |base/(?:subprocess|file|log)\.hpp|kube/.*kubectl.*
    )[>"]""",
    re.VERBOSE,
)
IMPURE_CALL = re.compile(
    r"_clock::now|\bSystemClock\b|[.>](?:wall|steady)\(\)"
    r"|\b(?:clock_gettime|gettimeofday|getenv|std::time)\b"
)

MAX_LINES = 1_000
SOURCE_SUFFIXES = {".cpp", ".hpp", ".py", ".js", ".css", ".html", ".sh", ".cmake", ".lua"}
SOURCE_NAMES = {"CMakeLists.txt", "run"}
# Written so that this file does not break its own rule.
FORBIDDEN_WORDS = [
    (re.compile(r"(?<![\w.$}])/(?:work|root)/"), "a path of one machine; use a relative one"),
    (re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X])\b"), "open work belongs in an issue"),
]
GENERATED_FOLDERS = {".git", ".dvc", ".venv", ".venv-bench", "build", "results", "__pycache__", ".pytest_cache"}

INCLUDE = re.compile(r'^\s*#\s*include\s+(?P<path>[<"][^>"]+[>"])')
PYTEST_FILE = re.compile(r"^(?:test_.*|.*_test)\.py$")
PYTEST_CASE = re.compile(r"^(?:async\s+)?(?:def test_|class Test)")


@dataclasses.dataclass(frozen=True, order=True)
class Violation:
    """A broken rule at a place; `path` is relative to the root."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


class Tree:
    """The files of a checkout and what its CMake files declare."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.files = sorted(_list_files(self.root))
        self.build = cmake_lists.read(self.root)
        self._texts: dict[Path, list[str]] = {}

    def under(self, *folders: str, suffixes: Iterable[str]) -> list[Path]:
        return [p for p in self.files if p.parts[0] in folders and p.suffix in suffixes]

    def lines(self, path: Path) -> list[str]:
        """The lines of a text file; none for a binary one."""
        if path not in self._texts:
            raw = (self.root / path).read_bytes()
            text = "" if b"\0" in raw else raw.decode("utf-8", "replace")
            self._texts[path] = text.splitlines()
        return self._texts[path]

    def includes(self, path: Path) -> Iterator[tuple[int, str]]:
        """Line and target, brackets or quotes kept, of each include of a file."""
        for number, line in enumerate(self.lines(path), start=1):
            if match := INCLUDE.match(line):
                yield number, match["path"]

    def folder_edges(self, path: Path) -> Iterator[tuple[int, str]]:
        """Line and folder of each include that goes to another folder of src/."""
        own = folder_of(path)
        for number, include in self.includes(path):
            used = folder_of(Path("src", include[1:-1]))
            if used is not None and used != own:
                yield number, used


def _list_files(root: Path) -> Iterator[Path]:
    """What git tracks or would track; without git, everything but the generated folders."""
    git = ["git", "-C", str(root), "ls-files", "-coz", "--exclude-standard"]
    # A caller's GIT_DIR (a hook, say) would make git list another repository.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    try:
        listed = subprocess.run(git, capture_output=True, check=True, env=environment).stdout
        paths = [Path(os.fsdecode(name)) for name in listed.split(b"\0") if name]
    except (OSError, subprocess.CalledProcessError):
        paths = [p.relative_to(root) for p in root.rglob("*")]
        paths = [p for p in paths if not GENERATED_FOLDERS.intersection(p.parts)]
    for path in paths:
        if (root / path).is_file() and not (root / path).is_symlink():
            yield path


def folder_of(path: Path) -> str | None:
    """The line of MAY_USE that a file of src/ falls under; None when it falls under none."""
    if path.parts[:1] != ("src",):
        return None
    for depth in range(len(path.parts) - 1, 1, -1):
        folder = "/".join(path.parts[1:depth])
        if folder in MAY_USE:
            return folder
    return None


def allowed(folder: str) -> set[str]:
    """Everything that `folder` may include: MAY_USE, followed to the end."""
    found: set[str] = set()
    pending = [folder]
    while pending:
        for used in MAY_USE[pending.pop()]:
            if used not in found:
                found.add(used)
                pending.append(used)
    return found


def check_includes(tree: Tree) -> Iterator[Violation]:
    """Includes go only where MAY_USE allows, and are written from src/."""
    for path in tree.under("src", suffixes={".cpp", ".hpp"}):
        folder = folder_of(path)
        if folder is None:
            yield Violation(path, 1, "this folder is not in MAY_USE of tests/structure")
            continue
        for number, include in tree.includes(path):
            if include.startswith('"') and ".." in Path(include[1:-1]).parts:
                yield Violation(path, number, f"include {include} from src/, not relatively")
        for number, used in tree.folder_edges(path):
            if used not in allowed(folder):
                can = ", ".join(sorted(allowed(folder))) or "nothing"
                yield Violation(path, number, f"{folder} may not include {used}; it may use {can}")


def check_purity(tree: Tree) -> Iterator[Violation]:
    """The pure folders read no clock and do no I/O."""
    for path in tree.under("src", suffixes={".cpp", ".hpp"}):
        if folder_of(path) not in PURE_FOLDERS:
            continue
        for number, include in tree.includes(path):
            if IMPURE_INCLUDE.fullmatch(include):
                yield Violation(path, number, f"include of {include} in a pure folder")
        for number, line in enumerate(tree.lines(path), start=1):
            if match := IMPURE_CALL.search(line.split("//")[0]):
                yield Violation(path, number, f"{match[0]} in a pure folder; pass the value in")


def included_by(tree: Tree, sources: Iterable[Path]) -> set[Path]:
    """The sources and all headers of src/ that they include, directly or not."""
    headers = set(tree.under("src", suffixes={".hpp"}))
    found: set[Path] = set()
    pending = list(sources)
    while pending:
        path = pending.pop()
        if path in found:
            continue
        found.add(path)
        for line in tree.lines(path):
            if match := INCLUDE.match(line):
                header = Path("src") / match["path"].strip('<>"')
                pending += [header] if header in headers else []
    return found


def check_links(tree: Tree) -> Iterator[Violation]:
    """Libraries link what their folder may use, and all that their sources include."""
    targets = {name: t for name, t in tree.build.targets.items() if t.path.parts[0] == "src"}
    folders = {
        name: {folder for s in target.sources if (folder := folder_of(s)) is not None}
        for name, target in targets.items()
    }
    for name, target in targets.items():
        may = set().union(*(allowed(f) | {f} for f in folders[name]))
        for used, line in target.links:
            if used.startswith("iris_") and used not in tree.build.targets:
                yield Violation(target.path, line, f"{name} links {used}, which nothing declares")
            elif used in folders and folders[used] and not folders[used] & may:
                yield Violation(
                    target.path,
                    line,
                    f"{name} may not use {used}: MAY_USE of tests/structure has no such edge",
                )
    # A folder may have two programs, of which one leaves some of its headers alone.
    compiled = {name: included_by(tree, target.sources) for name, target in targets.items()}
    for path in tree.under("src", suffixes={".cpp", ".hpp"}):
        owners = [n for n in targets if folder_of(path) in folders[n] and path in compiled[n]]
        for number, used in tree.folder_edges(path):
            for owner in owners:
                linked = set().union(*(folders.get(n, set()) for n in tree.build.reach(owner)))
                if used not in linked:
                    yield Violation(
                        path, number, f"includes {used}, which {owner} does not link (USES)"
                    )


def check_built(tree: Tree) -> Iterator[Violation]:
    """Every C++ source is in the build, every Python test is where pytest finds it."""
    for path in tree.under("src", "tests", "fuzz", "bench", suffixes={".cpp"}):
        if path not in tree.build.named:
            yield Violation(path, 1, "named in no CMakeLists.txt that the build reaches")
    for path in tree.files:
        if path.name == "CMakeLists.txt" and path not in tree.build.reached:
            yield Violation(path, 1, "no add_subdirectory leads here")
        if path.suffix != ".py" or path.name == "conftest.py":
            continue
        collected = PYTEST_FILE.match(path.name) is not None
        if collected and path.parts[0] != "tests":
            yield Violation(path, 1, "a test outside tests/, where pytest does not look")
        if not collected and path.parts[0] == "tests":
            for number, line in enumerate(tree.lines(path), start=1):
                if PYTEST_CASE.match(line):
                    yield Violation(path, number, "pytest collects test_*.py only; rename the file")


def check_length(tree: Tree) -> Iterator[Violation]:
    """No source file swallows the program."""
    for path in tree.files:
        if path.suffix in SOURCE_SUFFIXES or path.name in SOURCE_NAMES:
            count = len(tree.lines(path))
            if count > MAX_LINES:
                yield Violation(path, MAX_LINES + 1, f"{count} lines; at most {MAX_LINES}: split it")


def check_words(tree: Tree) -> Iterator[Violation]:
    """No file names a place of one machine or leaves a note instead of an issue."""
    for path in tree.files:
        for number, line in enumerate(tree.lines(path), start=1):
            for pattern, why in FORBIDDEN_WORDS:
                if match := pattern.search(line):
                    yield Violation(path, number, f"'{match[0]}': {why}")


RULES: list[Callable[[Tree], Iterator[Violation]]] = [
    check_includes,
    check_purity,
    check_links,
    check_built,
    check_length,
    check_words,
]


def check(root: Path) -> list[Violation]:
    """All violations in the tree at `root`, in the order of files and lines."""
    tree = Tree(root)
    return sorted({violation for rule in RULES for violation in rule(tree)})


def main() -> int:
    parser = argparse.ArgumentParser(description="Checks the structure of the source tree.")
    here = Path(__file__).resolve()
    parser.add_argument("--root", type=Path, default=here.parents[2], help="the checkout to check")
    violations = check(parser.parse_args().root)
    for violation in violations:
        print(violation)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
