"""Text from files cannot steer a terminal or a page, and no output replaces an input."""

import json
import os
import shutil
import unicodedata

import pytest

# Colour, carriage return, bell, a C1 control sequence, marks that turn the text around, a new line.
EVIL = "a\x1b[31mX\r\x07\u009b31m\u202egpj\u2066\niris: all is well"


def steering(text, kept="\n\t"):
    """The characters of `text` that a terminal or a reader would be misled by."""
    return {c for c in text if c not in kept and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")}


def assert_shown(result):
    for text in (result.stdout, result.stderr):
        assert steering(text) == set(), text
        assert not any(line.startswith("iris: all is well") for line in text.splitlines()), text


@pytest.fixture
def folder(tmp_path):
    rows = "".join(f"{i % 7}.5,{i % 5}.25,{'ab'[i % 2]}\n" for i in range(60))
    (tmp_path / "data.csv").write_text("x,y,class\n" + rows)
    (tmp_path / "params.yaml").write_text("data: {path: data.csv, target: class}\n")
    return tmp_path


def train(run_iris, folder, *more, data="data.csv"):
    return run_iris("train", "--params", "params.yaml", "--data", data, "--model", "model.onnx",
                    "--metrics", "metrics.json", *more, cwd=folder)  # fmt: skip


def test_labels_and_columns_do_not_steer_what_check_train_and_inspect_print(run_iris, folder):
    quoted = '"' + EVIL + '"'
    rows = "".join(f"{i % 7}.5,{i % 5}.25,{['b', quoted][i % 2]}\n" for i in range(60))
    (folder / "evil.csv").write_text(f'x,"y{EVIL}",class\n' + rows, newline="")
    (folder / "schema.yaml").write_text("columns:\n  x: {type: number}\n  z: {type: number}\n")
    for extra in ([], ["--json"]):
        result = run_iris("check", "evil.csv", "--schema", "schema.yaml", *extra, cwd=folder)
        assert_shown(result)
        trained = train(run_iris, folder, *extra, data="evil.csv")
        assert_shown(trained)
        if trained.returncode == 0:
            assert_shown(run_iris("inspect", "model.onnx", *extra, cwd=folder))
            assert_shown(run_iris("evaluate", "--params", "params.yaml", "--data", "evil.csv",
                                  "--model", "model.onnx", *extra, cwd=folder))  # fmt: skip
            assert steering((folder / "report.md").read_text()) == set()


@pytest.mark.parametrize("command", ["check", "train", "inspect", "report", "scale", "hpa"])
def test_arguments_and_errors_do_not_steer(run_iris, folder, command):
    name = EVIL.replace("\n", "")
    if command == "hpa":
        hpa = {"metadata": {"name": EVIL}, "spec": {}}
        result = run_iris("hpa", input=json.dumps({"hpa": hpa}, ensure_ascii=False) + "\n")
        assert json.loads(result.stdout)["error"].count("is invalid") == 1
    elif command == "train":
        result = run_iris("train", "--data", name, "--params", "params.yaml", cwd=folder)
        assert result.returncode == 2
    else:
        result = run_iris(command, name, cwd=folder)
        assert result.returncode != 0
    assert_shown(result)
    assert_shown(run_iris(command, "--" + name, cwd=folder))
    assert_shown(run_iris(name, cwd=folder))


def test_an_error_of_several_lines_has_one_that_is_ours(run_iris, folder):
    (folder / "data.csv").write_text('x,y,class\n1,2,a\n"1\niris: all is well",2,b\n3,4,a\n')
    result = train(run_iris, folder)
    assert result.returncode == 2
    assert_shown(result)


MENTIONS = "@admin @team/x #1 user/repo#2 GH-3 https://e.org www.e.org deadbeef <!-- -->"


LIVE = ("@admin", "@team", "#1", "#2", "GH-3", "https://", "www.e", "deadbeef", "<!--")


def test_nothing_is_linked_or_mentioned_in_evaluates_report(run_iris, folder):
    rows = "".join(f"{i % 7}.5,{i % 5}.25,{['b', MENTIONS][i % 2]}\n" for i in range(60))
    (folder / "data.csv").write_text("x,y,class\n" + rows)
    assert train(run_iris, folder).returncode == 0
    evaluated = run_iris("evaluate", "--params", "params.yaml", "--model", "model.onnx", cwd=folder)
    assert evaluated.returncode in (0, 1), evaluated.stderr
    text = (folder / "report.md").read_text()
    assert [live for live in LIVE if live in text] == []
    assert "@&#8203;admin" in text


def test_nothing_is_linked_or_mentioned_in_the_report_of_a_run(run_iris, repo, tmp_path):
    records = (repo / "tests" / "golden" / "report" / "hostile.jsonl").read_text()
    name = json.dumps(f"{EVIL} {MENTIONS}")
    lines = []
    for line in records.strip().split("\n"):
        record = json.loads(line)
        if record["type"] == "run":
            record["experiment"] = json.loads(name)
        lines.append(json.dumps(record))
    (tmp_path / "run.jsonl").write_text("\n".join(lines) + "\n")
    result = run_iris("report", "run.jsonl", "--markdown", "r.md", "--html", "r.html", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert_shown(result)
    text = (tmp_path / "r.md").read_text()
    assert [live for live in LIVE if live in text] == []
    assert "@&#8203;admin" in text
    assert steering(text) == set()
    assert steering((tmp_path / "r.html").read_text().split("<main>")[1].split("</main>")[0]) == set()


@pytest.fixture
def inputs(run_iris, repo, folder):
    """A folder with a sound file of every kind that a command reads."""
    assert train(run_iris, folder).returncode == 0
    (folder / "rows.csv").write_text("x,y\n1,2\n")
    (folder / "token").write_text("0123456789abcdef0123456789abcdef\n")
    (folder / "results").mkdir()
    for name in ("good", "lost"):
        shutil.copy(repo / "tests" / "golden" / "report" / f"{name}.jsonl", folder / "results")
    return folder


FIT = ["train", "--params", "params.yaml", "--data", "data.csv"]
HOLD = ["evaluate", "--params", "params.yaml", "--data", "data.csv", "--model", "model.onnx"]
ANSWER = ["predict", "--model", "model.onnx", "--input", "rows.csv"]
SERVE = ["serve", "--model", "model.onnx", "--port", "0", "--admin-port", "0"]


@pytest.mark.parametrize("way", ["name", "dots", "symlink", "hard link"])
@pytest.mark.parametrize(
    ("command", "flag", "victim"),
    [
        ([*FIT, "--metrics", "new.json"], "--model", "data.csv"),
        ([*FIT, "--metrics", "new.json"], "--model", "params.yaml"),
        ([*FIT, "--model", "new.onnx"], "--metrics", "data.csv"),
        ([*FIT, "--model", "new.onnx"], "--metrics", "params.yaml"),
        (HOLD, "--report", "data.csv"),
        (HOLD, "--report", "params.yaml"),
        (HOLD, "--report", "model.onnx"),
        ([*HOLD, "--baseline", "metrics.json"], "--report", "metrics.json"),
        (ANSWER, "--output", "rows.csv"),
        (ANSWER, "--output", "model.onnx"),
        (["report", "results/good.jsonl"], "--html", "results/good.jsonl"),
        (["report", "results/good.jsonl"], "--markdown", "results/good.jsonl"),
        (["report", "results"], "--html", "results/lost.jsonl"),
        (SERVE, "--access-log", "model.onnx"),
        ([*SERVE, "--token-file", "token"], "--access-log", "token"),
    ],
    ids=lambda value: " ".join(value[:1]) if isinstance(value, list) else value,
)
def test_an_output_that_is_an_input_is_refused(run_iris, inputs, command, flag, victim, way):
    path = inputs / victim
    before = path.read_bytes()
    output = victim
    if way == "dots":
        output = f"results/../{victim}"
    elif way == "symlink":
        (inputs / "link").symlink_to(path)
        output = "link"
    elif way == "hard link":
        os.link(path, inputs / "link")
        output = "link"
    result = run_iris(*command, flag, output, cwd=inputs)
    assert result.returncode == 2, result.stderr
    assert f"{flag}: expected another file than" in result.stderr
    assert path.read_bytes() == before
    assert not (inputs / "new.onnx").exists() and not (inputs / "new.json").exists()


@pytest.mark.parametrize(
    ("command", "flags"),
    [(FIT, ("--model", "--metrics")), (["report", "results"], ("--markdown", "--html"))],
)
def test_two_outputs_in_one_file_are_refused(run_iris, inputs, command, flags):
    result = run_iris(*command, flags[0], "same", flags[1], "./same", cwd=inputs)
    assert result.returncode == 2
    assert f"{flags[1]}: expected another file than {flags[0]}" in result.stderr
    assert not (inputs / "same").exists()


def test_outputs_that_are_no_inputs_are_written(run_iris, inputs):
    assert train(run_iris, inputs).returncode == 0
    assert run_iris(*ANSWER, "--output", "answers.csv", cwd=inputs).returncode == 0
    assert run_iris(*ANSWER, "--output", "answers.csv", cwd=inputs).returncode == 0
    report = run_iris("report", "results", "--markdown", "r.md", "--html", "r.html", cwd=inputs)
    assert report.returncode == 0, report.stderr
