"""Reads what CMake files declare: targets, their sources and links, and the files they name.

Understands the commands that this project writes (iris_library, add_library, add_executable,
target_sources, target_link_libraries, add_subdirectory) with sources named in full; a source that
is hidden behind a variable or a glob counts as not named.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator
from pathlib import Path

TOKEN = re.compile(r'#[^\n]*|"(?:\\.|[^"\\])*"|[()]|[^\s()#"]+')
KEYWORDS = {"PUBLIC", "PRIVATE", "INTERFACE", "STATIC", "OBJECT", "SHARED", "EXCLUDE_FROM_ALL"}
LIBRARY_SECTIONS = {"SOURCES", "USES", "LINKS", "PRIVATE_LINKS"}

Argument = tuple[str, int]  # text and line


@dataclasses.dataclass
class Target:
    """A library or program; paths are relative to the root."""

    name: str
    path: Path  # the CMakeLists.txt that declares it
    sources: set[Path] = dataclasses.field(default_factory=set)
    links: list[Argument] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Build:
    targets: dict[str, Target] = dataclasses.field(default_factory=dict)
    named: set[Path] = dataclasses.field(default_factory=set)  # every .cpp that is mentioned
    reached: set[Path] = dataclasses.field(default_factory=set)  # every CMakeLists.txt

    def reach(self, name: str) -> set[str]:
        """The target and all that it links, directly or not."""
        found: set[str] = set()
        pending = [name]
        while pending:
            current = pending.pop()
            if current not in found:
                found.add(current)
                target = self.targets.get(current)
                pending += [used for used, _ in target.links] if target else []
        return found


def read(root: Path) -> Build:
    """Follows add_subdirectory from the root's CMakeLists.txt; empty when there is none."""
    build = Build()
    _read_folder(root, Path("."), build)
    return build


def _read_folder(root: Path, folder: Path, build: Build) -> None:
    path = folder / "CMakeLists.txt"
    if not (root / path).is_file() or path in build.reached:
        return
    build.reached.add(path)
    for command, arguments in _commands((root / path).read_text(encoding="utf-8")):
        words = [text for text, _ in arguments]
        build.named.update(_resolve(folder, word) for word in words if word.endswith(".cpp"))
        if command == "add_subdirectory":
            _read_folder(root, _resolve(folder, words[0]), build)
        elif command == "iris_library":
            _declare_library(build, path, arguments)
        elif command in ("add_library", "add_executable") and "ALIAS" not in words:
            target = build.targets.setdefault(words[0], Target(words[0], path))
            target.sources.update(_sources(folder, words[1:]))
        elif command == "target_sources" and words[0] in build.targets:
            build.targets[words[0]].sources.update(_sources(folder, words[1:]))
        elif command == "target_link_libraries" and words[0] in build.targets:
            links = [a for a in arguments[1:] if a[0] not in KEYWORDS]
            build.targets[words[0]].links.extend(links)


def _declare_library(build: Build, path: Path, arguments: list[Argument]) -> None:
    target = Target(f"iris_{arguments[0][0]}", path)
    section = ""
    for text, line in arguments[1:]:
        if text in LIBRARY_SECTIONS:
            section = text
        elif section == "SOURCES":
            target.sources.update(_sources(path.parent, [text]))
        elif section == "USES":
            target.links.append((f"iris_{text}", line))
        else:
            target.links.append((text, line))
    build.targets[target.name] = target


def _sources(folder: Path, words: list[str]) -> set[Path]:
    return {_resolve(folder, word) for word in words if word.endswith((".cpp", ".hpp"))}


def _resolve(folder: Path, word: str) -> Path:
    for variable in ("${CMAKE_SOURCE_DIR}/", "${PROJECT_SOURCE_DIR}/"):
        if word.startswith(variable):
            return Path(os.path.normpath(word.removeprefix(variable)))
    word = word.removeprefix("${CMAKE_CURRENT_SOURCE_DIR}/")
    return Path(os.path.normpath(folder / word))


def _commands(text: str) -> Iterator[tuple[str, list[Argument]]]:
    """Each command in lower case with its arguments; nested parentheses are flattened."""
    name, depth = "", 0
    arguments: list[Argument] = []
    for match in TOKEN.finditer(text):
        token = match[0]
        if token.startswith("#"):
            continue
        if token == "(":
            depth += 1
        elif token == ")":
            depth -= 1
            if depth == 0:
                yield name.lower(), arguments
                arguments = []
        elif depth == 0:
            name = token
        else:
            arguments.append((token.strip('"'), text.count("\n", 0, match.start()) + 1))
