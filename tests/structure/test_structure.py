"""The rules of check_structure.py hold for this checkout, and each of them can fail.

    python3 tests/structure/test_structure.py
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import check_structure

HERE = Path(__file__).resolve().parent

# A small tree that keeps every rule; each test adds or replaces files and names what must be said.
SOUND = {
    "CMakeLists.txt": "add_subdirectory(src)\nif(IRIS_TESTS)\n  add_subdirectory(tests)\nendif()\n",
    "src/CMakeLists.txt": (
        "# add_subdirectory(commented_out)\n"
        "add_subdirectory(base)\nadd_subdirectory(kube)\nadd_subdirectory(http)\n"
        "add_subdirectory(load)\nadd_subdirectory(scale)\nadd_subdirectory(cli)\n"
    ),
    "src/base/CMakeLists.txt": "iris_library(base\n  SOURCES clock.cpp\n  LINKS fmt::fmt)\n",
    "src/base/clock.cpp": '#include "base/clock.hpp"\n',
    "src/base/clock.hpp": "#pragma once\n#include <chrono>\n",
    "src/kube/CMakeLists.txt": "iris_library(kube SOURCES object.cpp USES base)\n",
    "src/kube/object.cpp": '#include "kube/object.hpp"\n',
    "src/kube/object.hpp": '#include "base/clock.hpp"\n',
    "src/http/CMakeLists.txt": "iris_library(http SOURCES client.cpp USES base)\n",
    "src/http/client.cpp": '#include "base/clock.hpp"\n',
    "src/http/client.hpp": "#pragma once\n",
    "src/load/CMakeLists.txt": "iris_library(load SOURCES wrk.cpp USES http)\n",
    "src/load/wrk.cpp": '#include "http/client.hpp"\n#include "base/clock.hpp"\n',
    "src/load/wrk.hpp": "#pragma once\n",
    "src/scale/CMakeLists.txt": (
        "add_subdirectory(hpa)\n"
        "iris_library(scale SOURCES loop.cpp\n  USES scale_hpa kube load)\n"
    ),
    "src/scale/loop.cpp": (
        '#include "scale/hpa/decide.hpp"\n#include "load/wrk.hpp"\n#include <fstream>\n'
        '#include "http/client.hpp"\n'
    ),
    "src/scale/loop.hpp": "#pragma once\n",
    "src/scale/hpa/CMakeLists.txt": "iris_library(scale_hpa SOURCES decide.cpp USES kube)\n",
    "src/scale/hpa/decide.cpp": (
        '#include <cmath>\n#include "kube/object.hpp"\n#include "base/clock.hpp"\n'
        "// The caller reads SystemClock.\n"
    ),
    "src/scale/hpa/decide.hpp": "#pragma once\n",
    "src/cli/CMakeLists.txt": (
        "add_executable(iris main.cpp)\ntarget_link_libraries(iris PRIVATE iris_scale CLI11::CLI11)\n"
    ),
    "src/cli/main.cpp": '#include "scale/loop.hpp"\n#include "kube/object.hpp"\n',
    "tests/CMakeLists.txt": "iris_unit_test(base SOURCES base/clock_test.cpp LINKS iris_base)\n",
    "tests/base/clock_test.cpp": '#include "base/clock.hpp"\n',
    "tests/contract/test_health.py": "def test_health():\n    assert True\n",
    "run": "#!/bin/bash\nmktemp -d /tmp/iris.XXXXXX\n",
}


class StructureTest(unittest.TestCase):
    def violations(self, changes: dict[str, str]) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name, text in {**SOUND, **changes}.items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return [str(violation) for violation in check_structure.check(root)]

    def assert_only(self, changes: dict[str, str], *expected: str) -> None:
        """Exactly one violation for each expected beginning, in order."""
        found = self.violations(changes)
        self.assertEqual(len(found), len(expected), found)
        for line, start in zip(found, expected):
            self.assertTrue(line.startswith(start), f"{line!r} does not start with {start!r}")

    def test_sound_tree_passes(self) -> None:
        self.assert_only({})

    def test_this_checkout_passes(self) -> None:
        root = HERE.parents[1]
        self.assertTrue((root / "src").is_dir())
        self.assertEqual([str(v) for v in check_structure.check(root)], [])

    def test_the_map_shows_the_same_table(self) -> None:
        page = (HERE.parents[1] / "ARCHITECTURE.md").read_text(encoding="utf-8")
        rows = dict(re.findall(r"^\| `([a-z/]+)/` \|.*\| ([^|]+) \|$", page, re.MULTILINE))
        self.assertEqual(rows.pop("cli"), "all")
        self.assertGreater(len(rows), 10)
        for folder, cell in rows.items():
            shown = set() if cell == "–" else set(cell.split(", "))
            reached = shown.union(*(check_structure.allowed(used) for used in shown))
            self.assertEqual(reached, check_structure.allowed(folder), folder)

    def test_sibling_include(self) -> None:
        self.assert_only(
            {"src/kube/object.hpp": '#pragma once\n#include "http/client.hpp"\n'},
            "src/kube/object.hpp:2: includes http, which iris_kube does not link",
            "src/kube/object.hpp:2: kube may not include http; it may use base",
        )

    def test_include_from_below(self) -> None:
        found = self.violations({"src/load/wrk.hpp": '#include "scale/loop.hpp"\n'})
        self.assertTrue(any("load may not include scale" in line for line in found), found)
        found = self.violations({"src/base/clock.hpp": '#  include "cli/main.hpp"\n'})
        self.assertTrue(any("it may use nothing" in line for line in found), found)

    def test_subfolder_is_apart_from_its_parent(self) -> None:
        found = self.violations({"src/scale/hpa/decide.hpp": '#include "scale/loop.hpp"\n'})
        self.assertTrue(any("scale/hpa may not include scale;" in line for line in found), found)
        found = self.violations({"src/scale/hpa/decide.hpp": '#include "load/wrk.hpp"\n'})
        self.assertTrue(any("scale/hpa may not include load;" in line for line in found), found)

    def test_subfolder_may_use_its_parent(self) -> None:
        self.assert_only(
            {
                "src/scale/CMakeLists.txt": SOUND["src/scale/CMakeLists.txt"]
                + "add_subdirectory(local)\n",
                "src/scale/local/CMakeLists.txt": (
                    "iris_library(scale_local SOURCES target.cpp USES scale)\n"
                ),
                "src/scale/local/target.cpp": (
                    '#include "scale/loop.hpp"\n#include "scale/hpa/decide.hpp"\n'
                    '#include "load/wrk.hpp"\n#include "base/clock.hpp"\n'
                ),
            }
        )

    def test_unknown_folder(self) -> None:
        self.assert_only(
            {"src/util/util.hpp": "#pragma once\n"}, "src/util/util.hpp:1: this folder is not in"
        )

    def test_relative_include(self) -> None:
        self.assert_only(
            {"src/kube/object.cpp": '#include "../base/clock.hpp"\n'},
            'src/kube/object.cpp:1: include "../base/clock.hpp" from src/',
        )

    def test_pure_folder_includes_io(self) -> None:
        for include in ("<fstream>", "<unistd.h>", "<sys/stat.h>", '"base/file.hpp"'):
            with self.subTest(include):
                self.assert_only(
                    {"src/scale/hpa/decide.hpp": f"#include {include}\n"},
                    f"src/scale/hpa/decide.hpp:1: include of {include} in a pure folder",
                )

    def test_pure_folder_reads_the_clock(self) -> None:
        for call in ("std::chrono::steady_clock::now()", "SystemClock c;", "clock.steady()"):
            with self.subTest(call):
                found = self.violations({"src/scale/hpa/decide.cpp": f"auto x = {call};\n"})
                self.assertEqual(len(found), 1, found)
                self.assertIn("src/scale/hpa/decide.cpp:1: ", found[0])

    def test_uses_against_the_table(self) -> None:
        self.assert_only(
            {"src/http/CMakeLists.txt": "iris_library(http SOURCES client.cpp\n  USES base kube)\n"},
            "src/http/CMakeLists.txt:2: iris_http may not use iris_kube",
        )

    def test_plain_link_against_the_table(self) -> None:
        self.assert_only(
            {
                "src/http/CMakeLists.txt": (
                    "iris_library(http SOURCES client.cpp USES base)\n"
                    "target_link_libraries(iris_http PRIVATE iris_kube)\n"
                )
            },
            "src/http/CMakeLists.txt:2: iris_http may not use iris_kube",
        )

    def test_uses_of_no_library(self) -> None:
        self.assert_only(
            {"src/http/CMakeLists.txt": "iris_library(http SOURCES client.cpp USES base bas)\n"},
            "src/http/CMakeLists.txt:1: iris_http links iris_bas, which nothing declares",
        )

    def test_include_without_link(self) -> None:
        self.assert_only(
            {"src/load/CMakeLists.txt": "iris_library(load SOURCES wrk.cpp USES base)\n"},
            "src/load/wrk.cpp:1: includes http, which iris_load does not link",
            "src/scale/loop.cpp:4: includes http, which iris_scale does not link",
        )

    def test_sources_outside_the_build(self) -> None:
        for path in ("src/base/lost.cpp", "tests/lost_test.cpp", "fuzz/lost.cpp", "bench/lost.cpp"):
            with self.subTest(path):
                self.assert_only({path: "\n"}, f"{path}:1: named in no CMakeLists.txt")

    def test_source_named_in_a_comment_only(self) -> None:
        self.assert_only(
            {"tests/CMakeLists.txt": "# iris_unit_test(base SOURCES base/clock_test.cpp)\n"},
            "tests/base/clock_test.cpp:1: named in no CMakeLists.txt",
        )

    def test_cmake_file_that_nothing_reaches(self) -> None:
        self.assert_only(
            {
                "fuzz/CMakeLists.txt": "add_executable(fuzz_csv csv.cpp)\n",
                "fuzz/csv.cpp": "\n",
            },
            "fuzz/CMakeLists.txt:1: no add_subdirectory",
            "fuzz/csv.cpp:1: named in no CMakeLists.txt",
        )

    def test_python_tests_that_pytest_misses(self) -> None:
        self.assert_only(
            {"bench/test_serve.py": "def test_serve():\n    pass\n"},
            "bench/test_serve.py:1: a test outside tests/",
        )
        self.assert_only(
            {"tests/contract/health.py": "\ndef test_health():\n    pass\n"},
            "tests/contract/health.py:2: pytest collects test_*.py only",
        )

    def test_long_file(self) -> None:
        self.assert_only({"src/base/clock.cpp": "\n" * check_structure.MAX_LINES})
        self.assert_only(
            {"src/base/clock.cpp": "\n" * (check_structure.MAX_LINES + 1)},
            "src/base/clock.cpp:1001: 1001 lines",
        )

    def test_words(self) -> None:
        for folder in ("work", "root"):
            self.assert_only(
                {"docs/a.md": f"\nsee /{folder}/iris/src, not $HOME/{folder}/ or net{folder}/\n"},
                f"docs/a.md:2: '/{folder}/'",
            )
        for word in ("TO" + "DO", "FIX" + "ME", "XX" + "X"):
            self.assert_only({"k8s/a.yaml": f"# {word}: later\n"}, f"k8s/a.yaml:1: '{word}'")

    def test_exit_status(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            script = [sys.executable, str(HERE / "check_structure.py"), "--root", folder]
            sound = subprocess.run(script, capture_output=True, text=True, check=False)
            self.assertEqual((sound.returncode, sound.stdout), (0, ""), sound.stderr)
            Path(folder, "src").mkdir()
            Path(folder, "src", "stray.cpp").write_text("\n", encoding="utf-8")
            broken = subprocess.run(script, capture_output=True, text=True, check=False)
            self.assertEqual(broken.returncode, 1)
            self.assertIn("src/stray.cpp:1: ", broken.stdout)


if __name__ == "__main__":
    unittest.main()
