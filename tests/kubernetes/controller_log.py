"""What the HPA's controller decided, read from the log of kube-controller-manager (--vmodule=horizontal=4).

Each sync of an HPA ends with one of three lines:

    I1128 16:31:05.123456  4711 horizontal.go:928] "Successfully rescaled" HPA="a/b" currentReplicas=1 …
    I1128 16:31:05.123456  4711 horizontal.go:939] "Decided not to scale" scaleTarget="Deployment/a/b" …
    E1128 16:31:05.123456  4711 horizontal.go:275] "Unhandled Error" err="failed to compute desired …"

before the first two of which stands "Proposing desired replicas", where metrics were asked.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Iterable, Iterator

LINE = re.compile(
    r"^[IWE](?P<month>\d\d)(?P<day>\d\d) (?P<time>\d\d:\d\d:\d\d\.\d+)\s+\d+ horizontal\.go:\d+\] "
    r'"(?P<message>[^"]+)"(?P<rest>.*)$'
)
FIELD = re.compile(r'(?P<key>\w+)=(?:"(?P<text>(?:[^"\\]|\\.)*)"|(?P<bare>\S+))')
TARGET = re.compile(r"^(?P<kind>\w+)/(?P<namespace>[^/]+)/(?P<name>\S+)$")
FAILED = re.compile(
    r"failed to compute desired number of replicas based on listed metrics for \w+/(?P<namespace>[^/]+)/[^:]+: (?P<why>.*)",
    re.DOTALL,
)


@dataclasses.dataclass(frozen=True)
class Sync:
    """One decision of the controller."""

    at: datetime.datetime  # when it was done: a scale event's time
    decided: datetime.datetime  # when it weighed what it remembers
    namespace: str
    desired: int | None  # None: no decision could be made
    current: int | None  # known where it scaled
    proposed: int | None  # before stabilization and limits, where metrics were asked
    error: str | None


def unquote(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: {"n": "\n", "t": "\t"}.get(match[1], match[1]), text)


def fields_of(rest: str) -> dict[str, str]:
    return {
        match["key"]: match["bare"] if match["text"] is None else unquote(match["text"])
        for match in FIELD.finditer(rest)
    }


def time_of(match: re.Match, year: int) -> datetime.datetime:
    text = f"{year}-{match['month']}-{match['day']}T{match['time']}"
    return datetime.datetime.fromisoformat(text).astimezone()


def read(lines: Iterable[str], year: int | None = None) -> Iterator[Sync]:
    """The syncs in the order of the log; the log leaves the year out."""
    year = year or datetime.date.today().year
    proposals: dict[str, tuple[datetime.datetime, int]] = {}
    for line in lines:
        if not (match := LINE.match(line)):
            continue
        fields, message, at = fields_of(match["rest"]), match["message"], time_of(match, year)
        if target := TARGET.match(fields.get("scaleTarget", "")):
            namespace = target["namespace"]
            if message == "Proposing desired replicas":
                proposals[namespace] = at, int(fields["desiredReplicas"])
            elif message == "Decided not to scale":
                decided, proposed = proposals.pop(namespace, (at, None))
                yield Sync(at, decided, namespace, int(fields["desiredReplicas"]), None, proposed, None)
        elif message == "Successfully rescaled":
            namespace = fields["HPA"].split("/")[0]
            decided, proposed = proposals.pop(namespace, (at, None))
            desired, current = int(fields["desiredReplicas"]), int(fields["currentReplicas"])
            yield Sync(at, decided, namespace, desired, current, proposed, None)
        elif failed := FAILED.search(fields.get("err", "")):
            yield Sync(at, at, failed["namespace"], None, None, None, failed["why"])
