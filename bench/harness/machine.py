"""Where and from what a figure came."""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
from pathlib import Path


def describe(root: Path) -> dict[str, str | int]:
    """The facts without which a figure says nothing."""
    status = _first_line("git", "-C", str(root), "status", "--porcelain")
    commit = _first_line("git", "-C", str(root), "rev-parse", "--short", "HEAD")
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "commit": commit + ("+changes" if status else ""),
        "cpu": _cpu_model(),
        "cores": os.cpu_count() or 0,
        "kernel": platform.release(),
        "os": platform.freedesktop_os_release().get("PRETTY_NAME", ""),
        "compiler": _first_line("c++", "--version"),
        "somaxconn": int(_sysctl("net/core/somaxconn")),
        "port_range": _sysctl("net/ipv4/ip_local_port_range"),
    }


def busy_s() -> float:
    """Processor time that the whole machine has spent since it started, over all cores."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text(encoding="ascii").split(maxsplit=9)[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _cpu_model() -> str:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return match[1] if match else platform.machine()


def _sysctl(name: str) -> str:
    return " ".join(Path("/proc/sys", name).read_text(encoding="ascii").split())


def _first_line(*argv: str) -> str:
    """The first line that a program prints; empty when it fails or is not there."""
    try:
        printed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
    return printed.partition("\n")[0]
