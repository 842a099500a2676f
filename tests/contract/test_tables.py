"""What tables people have: separators, packing, missing values, and files given as arguments."""

import gzip
import os
import zipfile

import pytest

HEADER, ROWS = "a,b,y", [f"{i % 7}.5,{i % 5},{'xz'[i % 2]}" for i in range(40)]


def train(run_iris, folder, name, content, *flags):
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return run_iris("train", name, *flags, cwd=folder)


def table(separator=",", header=HEADER, rows=ROWS):
    return "\n".join([header, *rows]).replace(",", separator) + "\n"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_found(run_iris, tmp_path, separator):
    result = train(run_iris, tmp_path, "t.csv", table(separator))
    assert result.returncode == 0, result.stderr
    assert "target    y: x, z (2 classes)" in result.stdout


def test_a_doubtful_separator_is_asked_for(run_iris, tmp_path):
    text = table(";", header="a;b|c;y")
    result = train(run_iris, tmp_path, "t.csv", text)
    assert result.returncode == 2 and "--separator" in result.stderr
    for flag in (";", "tab", "\\t", "x"):
        result = train(run_iris, tmp_path, "t.csv", text, "--separator", flag)
        assert (result.returncode == 0) == (flag == ";"), result.stderr


def test_gzip_is_read_and_other_forms_are_named(run_iris, tmp_path):
    packed = gzip.compress(table().encode()[:100]) + gzip.compress(table().encode()[100:])
    assert train(run_iris, tmp_path, "t.csv.gz", packed).returncode == 0
    cut = train(run_iris, tmp_path, "t.csv.gz", packed[:-20])
    assert cut.returncode == 2 and "ends too early" in cut.stderr
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w") as book:
        book.writestr("[Content_Types].xml", "<x/>")
    forms = {
        "xlsx": (tmp_path / "b.xlsx").read_bytes(),
        "Parquet": b"PAR1\x15\x04\x00",
        "UTF-16": table().encode("utf-16"),
        "UTF-16 text": table().encode("utf-16-le"),
        "web page": b"<!DOCTYPE html><html>",
        "Git LFS": b"version https://git-lfs.github.com/spec/v1\n",
    }
    for name, content in forms.items():
        result = train(run_iris, tmp_path, "t.csv", content)
        assert result.returncode == 2 and name in result.stderr, result.stderr


@pytest.mark.parametrize("word", ["NA", "NaN", "nan", "N/A", "null", "None", "", "#N/A", "<NA>"])
def test_missing_values_are_named_as_such(run_iris, tmp_path, word):
    result = train(run_iris, tmp_path, "t.csv", table(rows=[*ROWS, f"1,{word},x"]))
    assert result.returncode == 2
    assert "t.csv:42:3: b: found" in result.stderr and "missing value" in result.stderr
    (tmp_path / "s.yaml").write_text(
        "columns: {a: {type: number}, b: {type: number, max_missing_share: 0.5}, y: {type: text}}\n"
    )
    assert run_iris("check", "t.csv", "--schema", "s.yaml", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("1e39,1,x", "t.csv:42:1: a: found \"1e39\""),
        ("1e400,1,x", "t.csv:42:1: a: found \"1e400\""),
        ("1,1, x", "one spelling"),
    ],
)
def test_a_cell_that_cannot_be_used_is_named(run_iris, tmp_path, row, said):
    result = train(run_iris, tmp_path, "t.csv", table(rows=[*ROWS, row]))
    assert result.returncode == 2 and said in result.stderr, result.stderr


def test_what_is_no_fault_is_none(run_iris, tmp_path):
    result = train(run_iris, tmp_path, "t.csv", table(rows=["  ", *ROWS, "1e-400,1,x", " \t "]))
    assert result.returncode == 0, result.stderr


def test_two_spellings_of_a_number_are_refused_and_a_class_none_is_warned_of(run_iris, tmp_path):
    rows = [f"{i},1,{['1', '1.0', '2'][i % 3]}" for i in range(40)]
    result = train(run_iris, tmp_path, "t.csv", table(rows=rows))
    assert result.returncode == 2 and '"1.0" beside "1"' in result.stderr
    result = train(run_iris, tmp_path, "t.csv", table().replace(",z", ",None"))
    assert result.returncode == 0 and "'None' looks like a missing value" in result.stderr


def test_a_decimal_comma_and_a_numeric_target_are_named(run_iris, tmp_path):
    rows = [row.replace(".", "#") for row in ROWS]
    result = train(run_iris, tmp_path, "t.csv", table(";", rows=rows).replace("#", ","))
    assert result.returncode == 2 and "a decimal comma" in result.stderr
    result = train(run_iris, tmp_path, "t.csv", table(rows=[f"{i},1,{i * 1.37}" for i in range(100)]))
    assert result.returncode == 2 and "looks numeric" in result.stderr


@pytest.mark.parametrize("text", [None, "", "# nothing\n", "split:\n", "data:\nevaluate:\n"])
def test_params_may_be_absent_or_empty(run_iris, tmp_path, text):
    if text is not None:
        (tmp_path / "params.yaml").write_text(text)
    result = train(run_iris, tmp_path, "t.csv", table())
    assert result.returncode == 0, result.stderr
    assert train(run_iris, tmp_path, "t.csv", table(), "--params", "none.yaml").returncode != 0


def test_arguments_and_flags_must_agree(run_iris, tmp_path):
    assert train(run_iris, tmp_path, "t.csv", table(), "--data", "u.csv").returncode == 2
    assert train(run_iris, tmp_path, "t.csv", table(), "--data", "t.csv").returncode == 0
    answers = run_iris("predict", "t.csv", "models/model.onnx", cwd=tmp_path)
    assert answers.returncode == 0 and answers.stdout.count("\n") == 41
    refused = run_iris("serve", "m.onnx", "--model", "n.onnx", cwd=tmp_path)
    assert refused.returncode == 2 and "'m.onnx' and --model 'n.onnx'" in refused.stderr
    environment = {**os.environ, "MODEL_PATH": "n.onnx"}
    absent = run_iris("serve", "m.onnx", cwd=tmp_path, env=environment)
    assert absent.returncode == 2 and "m.onnx: cannot open" in absent.stderr
