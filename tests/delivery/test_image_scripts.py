"""What lays out an image's root, and what lists it, on the program that was built here."""

import json
import os
import re
import subprocess

import pytest
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document


def run(*command, **settings):
    return subprocess.run(
        [str(each) for each in command],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        **settings,
    )


@pytest.fixture
def root(repo, iris, tmp_path):
    folder = tmp_path / "root"
    made = run(repo / "scripts" / "image-root", folder, iris)
    assert made.returncode == 0, made.stderr
    return folder


def test_the_root_holds_the_program_and_its_objects_and_runs(root):
    files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert "usr/bin/iris" in files
    assert all(re.fullmatch(r"usr/bin/iris|lib(64|/[^/]+)/[^/]+\.so[.0-9]*", each) for each in files)
    if os.geteuid() == 0:
        answer = run("chroot", root, "/usr/bin/iris", "version")
        assert (answer.returncode, answer.stdout[:5]) == (0, "iris "), answer.stderr


def test_a_root_without_an_object_does_not_run(root):
    if os.geteuid() == 0:
        next(root.rglob("libstdc++.so.6")).unlink()
        assert run("chroot", root, "/usr/bin/iris", "version").returncode == 127


def test_a_program_that_cannot_be_linked_is_refused(repo, tmp_path):
    refused = run(repo / "scripts" / "image-root", tmp_path / "root", tmp_path / "nothing")
    assert refused.returncode != 0


@pytest.fixture
def sbom(repo, iris, root):
    def write():
        command = [repo / "scripts" / "sbom", "--name", "test", "--root", root]
        command += ["--link", iris, "--build", iris.parent]
        return run(*command, env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"})

    return write


def test_the_bill_of_materials_is_valid_spdx(sbom, tmp_path):
    path = tmp_path / "test.spdx.json"
    path.write_text(sbom().stdout)
    assert validate_full_spdx_document(parse_file(str(path))) == []
    path.write_text(path.read_text().replace('"filesAnalyzed": true', '"filesAnalyzed": false'))
    assert validate_full_spdx_document(parse_file(str(path))) != []


def test_the_bill_of_materials_is_whole_and_the_same_twice(sbom, root):
    written = sbom()
    assert written.returncode == 0, written.stderr
    assert written.stdout == sbom().stdout
    document = json.loads(written.stdout)
    assert document["spdxVersion"] == "SPDX-2.3"
    assert document["creationInfo"]["created"] == "2023-11-14T22:13:20Z"
    packages = {each["name"]: each for each in document["packages"]}
    assert {"libc6", "libstdc++6", "libsimdjson-dev"} <= set(packages)
    compiled_in = {"libfmt-dev", "libspdlog-dev", "libyaml-cpp-dev", "nettle-dev"}
    assert compiled_in <= set(packages)
    assert all(each["versionInfo"] for name, each in packages.items() if name != "test")
    named = {each["SPDXID"] for kind in ("packages", "files") for each in document[kind]}
    for relation in document["relationships"]:
        assert relation["relatedSpdxElement"] in named
    assert len(document["files"]) == sum(path.is_file() for path in root.rglob("*"))


def test_an_object_of_unknown_origin_is_refused(sbom, root):
    (root / "lib" / "libstranger.so.1").write_bytes(b"\x7fELF")
    refused = sbom()
    assert refused.returncode != 0
    assert "libstranger.so.1: no Debian package owns it" in refused.stderr
