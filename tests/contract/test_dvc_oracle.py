"""Real DVC is the oracle: on repositories that it made, iris pulls and pushes what DVC does."""

import hashlib
import json
import os
import shutil

import pytest
from dvc_tools import dvc, forget, object_of, run, tree

PIPELINE = """\
vars:
- names.yaml
- folder: out
stages:
  plain:
    cmd: mkdir -p ${folder} && echo ${size} > ${folder}/plain && echo 1 > scores.json
    params: [size]
    outs: ["${folder}/plain"]
    metrics:
    - ${metric}:
        cache: false
  each:
    foreach: [a, b]
    do:
      cmd: echo ${item} > each-${item} && echo ${item} > seen-${item}.json
      outs: ["each-${item}"]
      metrics:
      - seen-${item}.json:
          cache: false
  named:
    foreach: ${people}
    do:
      wdir: ${item.home}
      cmd: echo ${key} > own && echo ${item.home} > note
      outs:
      - own
      - note:
          cache: False
  grid:
    matrix:
      size: [1, 2]
      kind: ${kinds}
    cmd: echo ${item.size}${item.kind} > grid-${item.size}-${item.kind}
    outs: ["grid-${item.size}-${item.kind}"]
  own:
    vars:
    - far/more.yaml:only
    - deep: {names: [first, "02"]}
    cmd:
    - echo 1 > own-${deep.names[1]} && echo 1 > own-${only.rate}-${only.on}
    - echo 1 > big-${ many }
    outs: ["own-${deep.names[1]}", "own-${only.rate}-${only.on}", "big-${ many }"]
  maps:
    foreach:
    - {name: m1}
    - {name: "${size}"}
    do:
      cmd: echo ${item.name} > map-${item.name}
      outs: ["map-${item.name}"]
  boxes:
    matrix:
      box: [{w: 1}, {w: 2}]
    cmd: echo ${key} > box-${item.box.w} && echo 1 > box-${key}
    outs: ["box-${item.box.w}", {"box-${key}": {cache: false}}]
  kept:
    cmd: echo kept > kept && echo far > away && chmod +x kept
    outs:
    - kept:
        persist: true
    - away:
        remote: Images
    - local:
        push: false
  gone:
    cmd: echo gone > gone
    outs: [gone]
"""
GONE = PIPELINE[PIPELINE.index("  gone:") :]
# The stages may leave nothing out.
PIPELINE = PIPELINE.replace("echo far > away", "echo far > away && echo local > local")

CONFIG = """\
[Core]  # what is used when no remote is named
    Remote = Store
    autostage = false
['remote "Store"']
    URL = "../../store"  # beside the repository
[ 'remote "IMAGES"' ]
    url = remote://STORE/images # within the other one
"""

FILES = {
    "params.yaml": "size: 3\nmany: 1e3\n",
    "far/more.yaml": "only: {rate: 0.5, on: true}\nsize: 9\n",
    "names.yaml": "metric: scores.json\nkinds: [x, y]\npeople:\n  ann: {home: ann}\n"
    "  bob: {home: homes/bob}\n",
    ".dvcignore": "*.tmp\n!keep.tmp\nleft/\n/data/deep/no*\n",
    ".gitignore": "scratch/\n",
    "left/broken.dvc": "outs: [",
    "scratch/broken.dvc": "outs: [",
    "data/a.csv": "1,2\n",
    "data/b.tmp": "ignored\n",
    "data/keep.tmp": "kept\n",
    "data/deep/nothing": "ignored\n",
    "data/deep/c d": "x" * 5000,
    "data/deep/same": "1,2\n",
    "raw.csv": "3,4\n",
    ".hidden/h.csv": "5,6\n",
    "build/b.csv": "7,8\n",
    "ann/.keep": "",
    "homes/bob/.keep": "",
    "sub/params.yaml": "name: s\n",
    "sub/dvc.yaml": "stages:\n  s:\n    cmd: echo 1 > ${name}\n    outs: ['${name}']\n",
}


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with `repository`, which DVC made and git has, and `store`, which it filled."""
    top = tmp_path_factory.mktemp("made")
    folder = top / "repository"
    folder.mkdir()
    run("git", "init", "--quiet", cwd=folder)
    dvc("init", "--quiet", cwd=folder)
    write(folder, FILES)
    write(folder, {"dvc.yaml": PIPELINE, ".dvc/config": CONFIG})
    write(top, {"elsewhere/source.csv": "9\n"})
    dvc("add", "data", "raw.csv", ".hidden/h.csv", "build/b.csv", cwd=folder)
    dvc("repro", "--all-pipelines", cwd=folder)
    dvc("push", "--quiet", cwd=folder)
    dvc("import-url", "--no-download", top / "elsewhere" / "source.csv", cwd=folder)
    pipeline = folder / "dvc.yaml"
    pipeline.write_text(pipeline.read_text().replace(GONE, ""))
    (folder / "gone").unlink()
    run("git", "add", "--all", cwd=folder)
    run("git", "commit", "--quiet", "-m", "made", cwd=folder)
    assert "gone:" in (folder / "dvc.lock").read_text()
    return top


def cloned(made, top):
    """A fresh clone beside a copy of the remote."""
    top.mkdir()
    run("git", "clone", "--quiet", made / "repository", top / "repository", cwd=top)
    shutil.copytree(made / "store", top / "store")
    for name in ("scores.json", "seen-a.json"):
        (top / "repository" / name).write_text("mine\n")
    return top / "repository"


def visible(folder):
    """Path → bytes and whether it is a program, of what is no matter of git's or DVC's own."""
    return {
        name: (content, os.access(folder / name, os.X_OK))
        for name, content in tree(folder).items()
        if not name.startswith((".git/", ".dvc/"))
    }


def own_configuration(tmp_path, text=""):
    """The environment in which neither program sees another user's configuration."""
    folders = {}
    for level in ("SYSTEM", "GLOBAL"):
        folder = tmp_path / level
        write(folder, {"config": text if level == "GLOBAL" else ""})
        folders[f"DVC_{level}_CONFIG_DIR"] = str(folder)
    return folders


def test_a_pull_brings_what_dvc_brings(made, tmp_path, run_iris):
    ours, theirs = cloned(made, tmp_path / "ours"), cloned(made, tmp_path / "theirs")
    done = run_iris("pull", cwd=ours)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "source.csv, which source.csv.dvc names, is left alone" in done.stderr
    # DVC misses what `push: false` kept from its remote, after it brought the others.
    missed = dvc("pull", cwd=theirs, check=False)
    assert "Checkout failed for following targets:\nlocal\n" in missed.stderr
    expected = visible(theirs)
    assert expected.pop("source.csv")[0] == b"9\n", "DVC gets it from its source"
    assert "local" not in expected
    assert visible(ours) == expected
    for name in ("out/plain", "each-b", "homes/bob/own", "grid-2-y", "away", ".hidden/h.csv"):
        assert name in expected
    assert (ours / "scores.json").read_text() == "mine\n"
    assert run_iris("pull", cwd=ours).stdout.count("fetched") == 0


@pytest.mark.parametrize(
    "target",
    [
        "data/deep",
        "data/deep/c d",
        "build",
        "build/b.csv.dvc",
        ".hidden",
        "dvc.yaml",
        "sub",
        "each-a",
    ],
)
def test_a_target_brings_what_it_brings_with_dvc(made, tmp_path, run_iris, target):
    ours, theirs = cloned(made, tmp_path / "ours"), cloned(made, tmp_path / "theirs")
    done = run_iris("pull", target, cwd=ours)
    assert done.returncode == 0, done.stdout + done.stderr
    recursive = ["--recursive"] if target in ("build", ".hidden", "sub") else []
    dvc("pull", *recursive, target, cwd=theirs, check=target != "dvc.yaml")
    assert visible(ours) == visible(theirs)
    assert len(visible(ours)) > len(visible(cloned(made, tmp_path / "before")))


def test_a_push_sends_what_dvc_sends(made, tmp_path, run_iris):
    stores = {}
    for who in ("ours", "theirs"):
        top = tmp_path / who
        shutil.copytree(made, top, symlinks=True)
        shutil.rmtree(top / "store")
        (top / "store" / "images").mkdir(parents=True)  # iris makes no remote, DVC does
        folder = top / "repository"
        if who == "ours":
            done = run_iris("push", cwd=folder)
            assert done.returncode == 0, done.stdout + done.stderr
        else:
            dvc("push", cwd=folder)
        stores[who] = tree(top / "store")
    assert stores["ours"] == stores["theirs"]
    assert any(name.startswith("images/") for name in stores["ours"])


def test_what_iris_pushed_dvc_finds_and_the_other_way_round(made, tmp_path, run_iris):
    folder = tmp_path / "ours" / "repository"
    shutil.copytree(made, folder.parent, symlinks=True)
    shutil.rmtree(folder.parent / "store")
    (folder.parent / "store").mkdir()
    # The listing is made anew from the folder, without what .dvcignore leaves out.
    listing = next((folder / ".dvc" / "cache").rglob("*.dir"))
    listing.unlink()
    assert run_iris("push", "data", cwd=folder).returncode == 0
    sent = tree(folder.parent / "store")
    assert len(sent) == 4 and sum(name.endswith(".dir") for name in sent) == 1
    forget(folder, "data")
    dvc("pull", "data", cwd=folder)
    assert sorted(tree(folder / "data")) == ["a.csv", "deep/c d", "deep/same", "keep.tmp"]


LEVELS = {
    "global": ("['remote \"mine\"']\n    url = {top}/store\n[core]\n    remote = mine\n", ""),
    "home": ("['remote \"mine\"']\n    url = ~/store\n", "[core]\n    remote = mine\n"),
    "overridden": (
        "[core]\n    remote = nowhere\n['remote \"mine\"']\n    url = /nowhere\n",
        "[core]\nremote = MINE # upper case\n['remote \"Mine\"']\nurl = ../../store\n",
    ),
    "relative": ("['remote \"mine\"']\n    url = ../store\n", "[core]\n    remote = mine\n"),
    "refers": (
        "['remote \"mine\"']\n    url = {top}\n",
        "[core]\n    remote = in\n['remote \"in\"']\n    url = remote://mine//store\n",
    ),
}


@pytest.mark.parametrize("case", LEVELS)
def test_the_levels_of_the_config_are_those_of_dvc(made, tmp_path, run_iris, case):
    mine, repositorys = LEVELS[case]
    results = []
    for who in ("ours", "theirs"):
        top = tmp_path / who
        folder = cloned(made, top)
        # DVC collects all outputs, and one of them is in a remote of its own.
        far = "['remote \"images\"']\nurl = ../../store/images\n"
        (folder / ".dvc" / "config").write_text(repositorys + far)
        variables = own_configuration(top, mine.format(top=top)) | {"HOME": str(top)}
        if who == "ours":
            done = run_iris("pull", "raw.csv", cwd=folder, env=os.environ | variables)
            assert done.returncode == 0, done.stderr
        else:
            dvc("pull", "raw.csv", cwd=folder, **variables)
        results.append(visible(folder))
    assert results[0] == results[1]
    assert "raw.csv" in results[0]


@pytest.mark.parametrize(
    "config",
    [
        "[core]\nremote = a\nremote = b\n",
        "[core\nremote = store\n",
        "[core]\nremote = 'store\n",
        "[core]\nremote\n",
        "['remote \"store\"']\nurl = ../../store\n",  # no default, although there is one only
        "[core]\nremote = store\n['remote \"store\"']\nurl = a, b\n",
        "[core]\nremote = store\n['remote \"store\"']\nurl = remote://store/x\n",
    ],
)
def test_a_config_that_dvc_refuses_is_refused(made, tmp_path, run_iris, config):
    folder = cloned(made, tmp_path / "ours")
    (folder / ".dvc" / "config").write_text(config)
    variables = own_configuration(tmp_path)
    done = run_iris("pull", "raw.csv", cwd=folder, env=os.environ | variables)
    assert done.returncode in (2, 3), done.stdout + done.stderr
    assert dvc("pull", "raw.csv", cwd=folder, check=False, **variables).returncode != 0


@pytest.mark.parametrize("broken", ["outs: [", "outs: 3\n", "outs:\n- md5: x\n  path: odd\n"])
def test_one_broken_file_stops_no_other(made, tmp_path, run_iris, broken):
    folder = cloned(made, tmp_path / "ours")
    (folder / "broken.dvc").write_text(broken)
    for target, code in (("raw.csv", 0), ("broken.dvc", 1), ("broken", 1)):
        done = run_iris("pull", target, cwd=folder)
        assert done.returncode == code, done.stderr
        assert "broken.dvc" in done.stderr
    done = run_iris("pull", cwd=folder)
    assert done.returncode == 1, "everything was asked for"
    assert (folder / "data" / "deep" / "same").exists()
    assert (folder / "grid-1-x").exists()
    assert run_iris("push", cwd=folder).returncode == 1


SETTINGS = [
    ".gitignore",
    ".gitattributes",
    ".gitmodules",
    ".dvcignore",
    "x.dvc",
    "dvc.yaml",
    "dvc.lock",
]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_tracked_folder_brings_settings_and_replaces_none(made, tmp_path, run_iris, name):
    """A folder that holds settings is tracked as DVC tracks it; those that are there stay."""
    folder = cloned(made, tmp_path / "ours")
    source = folder / "set"
    write(source, {f"deep/{name}": "theirs\n", "deep/data": "data\n"})
    content = tree(source)
    track(folder, "set", content)
    shutil.rmtree(source)
    assert run_iris("pull", "set", cwd=folder).returncode == 0
    assert tree(source) == content
    # The user's own file stays, and the data beside it is brought.
    (source / "deep" / name).write_text("mine\n")
    done = run_iris("pull", "set", cwd=folder)
    assert done.returncode == 2
    assert f"set/deep/{name}: found another one there" in done.stderr
    assert (source / "deep" / name).read_text() == "mine\n"


def track(folder, name, content):
    """Puts a folder into the remote and names it, as `dvc add` and `dvc push` do."""
    def put(data, suffix=""):
        digest = hashlib.md5(data).hexdigest() + suffix
        path = object_of(folder.parent / "store", digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return digest

    listed = [{"md5": put(data), "relpath": path} for path, data in sorted(content.items())]
    digest = put(json.dumps(listed).encode(), ".dir")
    (folder / f"{name}.dvc").write_text(f"outs:\n- md5: {digest}\n  hash: md5\n  path: {name}\n")
