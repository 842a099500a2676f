"""report.md of each record fixture is frozen. The fixtures: python3 tests/golden/report/make_records.py"""

import filecmp
import shutil
import subprocess
import sys

import pytest

FIXTURES = ["good", "lost", "interrupted", "cut_off", "no_limits", "hostile"]


@pytest.mark.parametrize("name", FIXTURES)
def test_markdown_of_a_run(run_iris, golden, tmp_path, name):
    written = tmp_path / "report.md"
    result = run_iris("report", f"tests/golden/report/{name}.jsonl", "--markdown", written)
    assert result.returncode == 0, result.stderr
    golden(f"report/{name}.md", written.read_text(encoding="utf-8"))


def test_the_table_is_the_result_of_the_command(run_iris, tmp_path):
    result = run_iris("report", "tests/golden/report/good.jsonl")
    lines = [line for line in result.stdout.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 4
    assert len({line.count("|") for line in lines}) == 1
    assert result.stderr == ""


def test_a_folder_gives_every_run_in_it(run_iris, repo, tmp_path):
    for name in ("good", "lost"):
        shutil.copy(repo / "tests" / "golden" / "report" / f"{name}.jsonl", tmp_path)
    written = tmp_path / "out" / "report.md"
    assert run_iris("report", tmp_path, "--markdown", written).returncode == 0
    titles = [line for line in written.read_text().splitlines() if line.startswith("# ")]
    assert len(titles) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found no records"),
        ('{"v":9,"type":"run"}\n', ':1: field "v": found 9, expected 1'),
        ("no json\n", ":1: found no JSON"),
    ],
)
def test_bad_records_are_bad_input(run_iris, tmp_path, text, message):
    records = tmp_path / "bad.jsonl"
    records.write_text(text)
    page = tmp_path / "report.html"
    result = run_iris("report", records, "--html", page)
    assert result.returncode == 2
    assert message in result.stderr
    assert not page.exists()


def test_the_fixtures_are_what_their_script_writes(repo, tmp_path):
    folder = repo / "tests" / "golden" / "report"
    script = shutil.copy(folder / "make_records.py", tmp_path)
    subprocess.run([sys.executable, script], check=True, timeout=60)
    for name in FIXTURES:
        assert filecmp.cmp(tmp_path / f"{name}.jsonl", folder / f"{name}.jsonl", shallow=False), name
