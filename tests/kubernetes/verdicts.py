"""Compares each of the controller's syncs with what `iris hpa` says of the same objects."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Callable

from comparison import PERIODS, Seen, Stage, versions_of
from controller_log import Sync


@dataclasses.dataclass
class Case:
    """A sync of the controller, with what it was given and what became of the HPA."""

    sync: Sync
    question: dict  # for `iris hpa`, but for the history
    after: dict  # the HPA's status when the next sync began
    # What it may have been given instead: pods changed while it looked, or it asked again.
    otherwise: list[dict] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Verdict:
    """One pattern's result."""

    name: str
    syncs: int = 0
    equal: int = 0
    rescales: int = 0
    refusals: int = 0  # of the controller: no decision could be made
    moved: int = 0  # equal to what it may have been given instead
    differences: list[str] = dataclasses.field(default_factory=list)


# Where several pods lack a request, which of them is named is up to the order of the controller's cache.
POD_NAMED = re.compile(r" of Pod \S+")


def milli(quantity: str) -> int:
    """A quantity in thousandths."""
    suffixes = {"m": 1, "k": 10**6, "M": 10**9, "Ki": 1000 << 10, "Mi": 1000 << 20, "Gi": 1000 << 30}
    for suffix, factor in suffixes.items():
        if quantity.endswith(suffix):
            return int(quantity.removesuffix(suffix)) * factor
    return int(quantity) * 1000


LONG_AGO = datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)
NEVER = datetime.datetime.max.replace(tzinfo=datetime.timezone.utc)


def cases_of(stage: Stage, syncs: list[Sync]) -> list[Case]:
    """Each sync of the log with the look that it took; one that asked for no metrics took none."""
    cases = []
    own = [sync for sync in syncs if sync.namespace == stage.namespace and sync.at < stage.ended]
    before = LONG_AGO
    for sync, end in zip(own, [*(each.at for each in own[1:]), NEVER], strict=True):
        looks = [seen for seen in stage.seen if before < seen.began and seen.answered <= sync.at]
        until = [hpa for at, hpa in stage.watched if at < sync.at]
        hpa = until[-1] if until else stage.pattern.hpa()
        questions = [question for seen in reversed(looks) for question in questions_of(sync, seen)]
        questions = questions or [question_of(sync, None, hpa, [])]
        # The next look has the status that this sync left; where none follows, the watch had time.
        following = [seen.hpa for seen in stage.seen if sync.at < seen.began and seen.answered <= end]
        after = following[0] if following else [hpa for at, hpa in stage.watched if at < end][-1]
        cases.append(Case(sync, questions[0], after.get("status", {}), questions[1:]))
        before = sync.at
    return cases


def rfc3339(at: datetime.datetime) -> str:
    return at.astimezone(datetime.timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def remembered(answer: dict, case: Case, before: dict) -> dict:
    """What is given to the next question. The controller dates a scale event when the scale is written, some
    milliseconds after it weighed the older ones; a caller of `iris hpa` knows one time for both."""
    history = answer.get("history", before)
    for name in ("scaleUpEvents", "scaleDownEvents"):
        for event in history.get(name, []):
            if datetime.datetime.fromisoformat(event["at"]) == case.sync.decided:
                event["at"] = rfc3339(case.sync.at)
    return history


def questions_of(sync: Sync, seen: Seen) -> list[dict]:
    changed = versions_of(seen.pods) != versions_of(seen.pods_after)
    pods = [seen.pods, seen.pods_after] if changed else [seen.pods]
    return [question_of(sync, seen, seen.hpa, each) for each in pods]


def question_of(sync: Sync, seen: Seen | None, hpa: dict, pods: list[dict]) -> dict:
    kind = {"apiVersion": "v1", "kind": "Pod"}
    return {
        "hpa": {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", **hpa},
        "pods": [{**kind, **pod} for pod in pods],
        "metrics": seen.metrics if seen else [],
        "now": rfc3339(sync.decided),
        "currentReplicas": seen.replicas if seen else (sync.current or 0),
        "controller": PERIODS,
    }


def source_of(metric: dict) -> dict:
    return metric.get("resource") or metric.get("containerResource") or {}


def figures_differ(metric: dict, status: dict) -> str:
    """The reading that decided, beside the same one of the HPA's status."""
    for each in status.get("currentMetrics") or []:
        source = source_of(each)
        if (source.get("name"), source.get("container", "")) != (metric["name"], metric.get("container", "")):
            continue
        current = source["current"]
        if metric["utilizationPercent"] is not None and current.get("averageUtilization") != metric["utilizationPercent"]:
            return f"utilization {current.get('averageUtilization')} %, iris {metric['utilizationPercent']} %"
        if "averageValue" in current and milli(current["averageValue"]) != metric["averageMilli"]:
            return f"average {current['averageValue']}, iris {metric['averageMilli']}m"
    return ""


def conditions_of(items: list[dict]) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["reason"]) for each in items}


def differences(case: Case, answer: dict, held: dict[str, tuple[str, str]]) -> list[str]:
    """`held` is what the HPA's conditions were, with those of this answer laid over them."""
    found = []
    sync = case.sync
    if sync.proposed is not None and not case.question["pods"]:
        return ["what the controller saw is not known"]
    if "desiredReplicas" not in answer:
        return [f"iris refuses: {answer['error']}"]
    metric = answer["metric"]
    if sync.desired is None:
        own, theirs = (POD_NAMED.sub("", error or "") for error in (answer["error"], sync.error))
        if metric is not None or own != theirs:
            found.append(f"the controller refuses: {sync.error}; iris: {answer['error'] or answer['because']}")
    elif sync.desired != answer["desiredReplicas"]:
        found.append(f"desired {sync.desired}, iris {answer['desiredReplicas']} ({answer['because']})")
    if sync.proposed is not None and metric is not None and metric["proposedReplicas"] != sync.proposed:
        found.append(f"proposed {sync.proposed}, iris {metric['proposedReplicas']} ({answer['because']})")
    if sync.proposed is not None and metric is None:
        found.append(f"proposed {sync.proposed}, iris: {answer['because']}")
    if metric is not None and (text := figures_differ(metric, case.after)):
        found.append(text)
    real = conditions_of(case.after.get("conditions") or [])
    if real != held:
        found.append(f"conditions {sorted(real.items() - held.items())}, iris {sorted(held.items() - real.items())}")
    return found


Ask = Callable[[dict], dict]
Conditions = dict[str, tuple[str, str]]


def answer_of(case: Case, history: dict, held: Conditions, ask: Ask) -> tuple[dict, list[str]]:
    """What `iris hpa` says, and how it differs."""
    answer = ask({**case.question, "history": history})
    return answer, differences(case, answer, held | conditions_of(answer.get("conditions", [])))


def judge(name: str, cases: list[Case], ask: Ask) -> Verdict:
    verdict = Verdict(name)
    history: dict = {}
    held: dict[str, tuple[str, str]] = {}
    for case in cases:
        answer, found = answer_of(case, history, held, ask)
        for question in case.otherwise if found else []:
            other = dataclasses.replace(case, question=question)
            other_answer, other_found = answer_of(other, history, held, ask)
            if not other_found:
                case.question, answer, found = question, other_answer, []
                verdict.moved += 1
                break
        history = remembered(answer, case, history)
        held = conditions_of(case.after.get("conditions") or [])
        verdict.syncs += 1
        verdict.equal += not found
        verdict.rescales += case.sync.current is not None
        verdict.refusals += case.sync.desired is None
        verdict.differences += [f"{case.question['now']} sync {verdict.syncs}: {text}" for text in found]
    return verdict


def table(verdicts: list[Verdict], known: dict[str, str]) -> str:
    rows = [f"{'HPA':22} {'syncs':>5} {'equal':>5} {'rescaled':>8} {'refused':>7} {'moved':>5}"]
    for each in [*verdicts, total(verdicts)]:
        mark = f"  {known[each.name]}" if each.name in known else ""
        rows.append(f"{each.name:22} {each.syncs:5} {each.equal:5} {each.rescales:8} {each.refusals:7} {each.moved:5}{mark}")
    return "\n".join(rows)


def total(verdicts: list[Verdict]) -> Verdict:
    def sum_of(name: str) -> int:
        return sum(getattr(each, name) for each in verdicts)

    names = ("syncs", "equal", "rescales", "refusals", "moved")
    return Verdict("all", **{name: sum_of(name) for name in names})


def pace(syncs: list[Sync]) -> str:
    """How far apart the controller's syncs of one HPA were."""
    last: dict[str, datetime.datetime] = {}
    gaps = []
    for sync in syncs:
        if sync.namespace in last:
            gaps.append((sync.at - last[sync.namespace]).total_seconds())
        last[sync.namespace] = sync.at
    gaps.sort()
    return f"between two syncs of an HPA: {gaps[0]:.2f} s to {gaps[-1]:.2f} s, median {gaps[len(gaps) // 2]:.2f} s"
