"""Nothing in the tree ties it to one kind of processor: docker build --platform linux/arm64 is not excluded."""

import re
import subprocess

import pytest

TIED = re.compile(
    r"-m(?:arch|tune|cpu|avx\w*|sse\w*|fma)\b"  # the compiler's
    r"|\b[a-z]*intrin\.h\b|\b_mm\d*_\w+\(|__builtin_ia32_\w+|\barm_neon\.h\b"  # intrinsics
    r"|\b__(?:x86_64|SSE\d*|AVX\d*|aarch64)__\b"  # a path for one of them
    r"|--platform[= ]|linux/amd64|x86_64-linux-gnu"  # images and multiarch folders
)
PLACES = ["CMakeLists.txt", "CMakePresets.json", "Dockerfile", "cmake", "compose.yaml", "deploy", "src"]
PLACES += ["scripts/image", "scripts/image-root", "scripts/sbom", "packages/apt.txt"]


def tied(text):
    return [found[0] for found in TIED.finditer(text)]


def test_nothing_is_tied_to_one_processor(repo):
    listed = subprocess.run(
        ["git", "ls-files", "--", *PLACES], cwd=repo, capture_output=True, text=True, check=True
    )
    files = listed.stdout.splitlines()
    assert len(files) > 300
    found = {path: tied((repo / path).read_text()) for path in files}
    assert {path: words for path, words in found.items() if words} == {}


@pytest.mark.parametrize(
    "text",
    [
        "set(CMAKE_CXX_FLAGS -march=native)", "#include <immintrin.h>", "_mm256_add_ps(a, b)", "#ifdef __AVX2__",
        "FROM --platform=linux/amd64 debian", "/usr/lib/x86_64-linux-gnu/libfmt.so",
    ],
)  # fmt: skip
def test_what_is_tied_is_found(text):
    assert tied(text)
