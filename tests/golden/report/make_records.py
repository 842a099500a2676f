#!/usr/bin/env python3
"""Writes the record fixtures beside this file: runs as `iris scale` records them (docs/records.md).

    python3 tests/golden/report/make_records.py

The figures are modelled on real runs but drawn here, from a fixed seed, so that every state that a
report must show is at hand: a good run, a lost replica, an interruption, a file that was cut off,
a run without limits, and text that tries to break out of the page.
"""

import copy
import json
import math
import pathlib
import random

HERE = pathlib.Path(__file__).resolve().parent

REQUEST_MILLI, LIMIT_MILLI = 45, 225  # scaled by the CPU factor
PER_REPLICA = 20_300  # requests/s of a replica at its limit
SYNC_S = 1.5
DURATION_S = 20


def run_record(**changes):
    record = {
        "v": 1,
        "type": "run",
        "experiment": "scaling",
        "title": "Iris API under wrk, with and without autoscaling",
        "started": "2025-01-31T12:00:00Z",
        "program": {"version": "0.1.0", "commit": "abc1234"},
        "target": "local",
        "time_scale": 10,
        "cpu_factor": 0.45,
        "cpu_factor_reason": "three replicas at 500m leave the load generator 500m of 2 cores",
        "limits": True,
        "machine": {
            "cpu_model": "AMD EPYC 7763",
            "cores": 2,
            "memory_bytes": 8_350_000_000,
            "kernel": "6.1.0-28-amd64",
            "os": "Debian GNU/Linux 12 (bookworm)",
            "cgroup": "v1",
            "somaxconn": 4096,
            "port_range": [32768, 60999],
            "nofile": 20000,
        },
        "manifests": [
            {"path": "k8s/deployment.yaml", "sha256": "3f" * 32},
            {"path": "k8s/hpa-max3.yaml", "sha256": "a1" * 32},
            {"path": "k8s/job-wrk-1000.yaml", "sha256": "77" * 32},
        ],
    }
    record.update(changes)
    return record


class Scenario:
    """One scenario: replicas under a quota, scaled by an HPA, under a closed loop."""

    def __init__(self, rng, most, connections, reference, limits=True, lost_at=None):
        self.rng, self.most, self.connections = rng, most, connections
        self.limits, self.lost_at = limits, lost_at
        self.name = f"max{most}-{connections}"
        self.reference = reference
        self.records = []
        self.ready_at = {"iris-api-1": -2.0}  # when each replica became ready
        self.gone = set()
        self.served = {}
        self.last_scale_up = 0.0
        self.desired = 1

    def write(self, what, t, **fields):
        record = {"v": 1, "type": what, "scenario": self.name, "t": round(t, 3)}
        record.update(fields)
        self.records.append(record)

    def event(self, t, kind, message, replica=None, before=None, after=None):
        self.write("event", t, kind=kind, replica=replica, message=message,
                   **{"from": before, "to": after})

    def start(self):
        state = "on" if self.most > 1 else "off"
        self.write(
            "scenario_start", -2.1,
            title=f"Autoscaling {state}, {self.connections:,} connections",
            reference=self.reference, connections=self.connections, min_replicas=1,
            max_replicas=self.most,
            load={"tool": "wrk", "duration_s": DURATION_S, "threads": 12,
                  "argv": ["wrk", "-t12", f"-c{self.connections}", f"-d{DURATION_S}s", "--latency",
                           "-s", "post.lua", "http://127.0.0.1:38211/predict"]},
            hpa={"name": "iris-api-hpa", "metric": "cpu", "target_percent": 60,
                 "sync_period_s": SYNC_S},
            pod={"cpu_request_milli": 100, "cpu_limit_milli": 500,
                 "memory_limit_bytes": 536870912, "scaled_cpu_request_milli": REQUEST_MILLI,
                 "scaled_cpu_limit_milli": LIMIT_MILLI if self.limits else None})
        self.event(0.0, "load_started", "wrk started")

    def ready(self, t):
        return [n for n, at in self.ready_at.items() if at <= t and n not in self.gone]

    def tick(self, t):
        ready = self.ready(t)
        usage = 0.01 if t <= 0 else (LIMIT_MILLI if self.limits else 590) / REQUEST_MILLI
        utilization = int(usage * 100 * (1 if t <= 0 else self.rng.uniform(0.985, 1.0)))
        ratio = utilization / 60
        proposed = max(1, math.ceil(ratio * len(ready)))
        desired = min(self.most, proposed)
        limited = "maxReplicas" if proposed > self.most else None
        current, self.desired = self.desired, desired
        why = (f"cpu is at {utilization} % of its request, {ratio:.2f} times the target of 60 %, so "
               f"{len(ready)} ready pods become {proposed}")
        if limited:
            why += f"; maxReplicas allows {self.most}"
        self.write(
            "tick", t, current=current, desired=desired, utilization_percent=utilization,
            target_percent=60, ratio=round(ratio, 3), proposed=proposed, stabilized=proposed,
            limited_by=limited, pods={"ready": ready, "unready": [], "missing": [], "ignored": []},
            conditions=[{"type": "ScalingLimited", "status": "True" if limited else "False",
                         "reason": "TooManyReplicas" if limited else "DesiredWithinRange"}],
            because=why, error=None)
        if desired > current:
            self.event(t, "scale", f"the HPA scales from {current} to {desired}", before=current,
                       after=desired)
            for i in range(current + 1, desired + 1):
                name = f"iris-api-{i}"
                self.event(t + 0.01, "replica_started", f"{name} started", name)
                self.ready_at[name] = t + 0.21 + 0.05 * i
                self.event(self.ready_at[name], "replica_ready", f"{name} is ready", name)
                self.last_scale_up = self.ready_at[name]

    def lose(self, t):
        lost, fresh = "iris-api-2", "iris-api-4"
        self.gone.add(lost)
        self.event(t, "replica_lost", f"{lost} was killed by signal 9 (Killed)", lost)
        self.event(t + 0.02, "replica_started", f"{fresh} takes the place of {lost}", fresh)
        self.ready_at[fresh] = t + 0.4
        self.event(t + 0.4, "replica_ready", f"{fresh} is ready", fresh)

    def sample(self, t):
        ready = self.ready(t)
        running = t > 0
        replicas, total = [], 0
        for name in sorted(self.ready_at):
            if name in self.gone or self.ready_at[name] > t + 0.5:
                continue
            age = t - self.ready_at[name]
            full = PER_REPLICA if self.limits else 68_000 / max(1, len(ready))
            moved = min(1.0, max(0.15, age / 2.5)) if self.ready_at[name] > 0 else 1.0
            rate = round(full * moved * self.rng.uniform(0.985, 1.01)) if running else 0
            self.served[name] = self.served.get(name, 0) + rate
            total += rate
            cpu = LIMIT_MILLI * min(1.0, moved * 1.2) if self.limits else rate / 52
            replicas.append({
                "name": name, "slot": int(name[-1]) - 1,
                "state": "ready" if self.ready_at[name] <= t else "starting",
                "requests": self.served[name], "requests_per_s": rate,
                "connections": round(self.connections / max(1, len(ready)) *
                                     self.rng.uniform(0.94, 1.04)) if running else 0,
                "cpu_milli": round(cpu * self.rng.uniform(0.99, 1.0)) if running else 1,
                "periods": 10 if self.limits else None,
                "throttled_periods": (10 if moved > 0.7 else round(10 * moved)) * running
                if self.limits else None,
                "throttled_us": round(740_000 * moved) * running if self.limits else None,
                "memory_bytes": 9_000_000 + round(self.connections * 1800 / max(1, len(ready))),
            })
        slow = self.connections / 1000 * 3 / max(1, len(ready)) * self.rng.uniform(0.9, 1.1)
        probe = {"sent": 100, "answered": 100, "failed": 0, "p50_us": round(900 * slow),
                 "p90_us": round(24_000 * slow), "p99_us": round(80_000 * slow ** 0.4),
                 "max_us": round(95_000 * slow ** 0.4)}
        if not running:
            probe = {"sent": 0, "answered": 0, "failed": 0, "p50_us": None, "p90_us": None,
                     "p99_us": None, "max_us": None}
        generator = round(total / 100 * self.rng.uniform(0.95, 1.02))
        self.write(
            "sample", t, interval_s=1.0, desired=self.desired, ready=len(ready),
            offered_per_s=total, completed_per_s=total, errors_per_s=0, probe=probe,
            replicas=replicas, generator={"cpu_milli": generator if running else 0},
            host={"cpu_milli": min(1990, generator + sum(r["cpu_milli"] for r in replicas) + 90),
                  "cores": 2})

    def play(self, until=DURATION_S):
        self.start()
        moments = [(float(t), "sample") for t in range(-1, int(until) + 1)]
        moments += [(1.2 + SYNC_S * i, "tick") for i in range(int((until - 1.2) / SYNC_S) + 1)]
        if self.lost_at is not None:
            moments.append((self.lost_at, "lose"))
        for t, what in sorted(moments):
            getattr(self, what)(t)
        return self

    def steady_from(self):
        return 1.0 if self.most == 1 else round(self.last_scale_up + 3, 3)

    def share(self, samples):
        served = {}
        for sample in samples:
            for replica in sample["replicas"]:
                served.setdefault(replica["name"], 0)
                served[replica["name"]] += replica["requests_per_s"]
        total = sum(served.values())
        shares = {name: count / total for name, count in sorted(served.items())}
        imbalance = max(shares.values()) * len(shares)
        return ([{"replica": n, "share": round(s, 4)} for n, s in shares.items()],
                round(imbalance, 3))

    def end(self, status="ok", reason=None, failed=0):
        samples = [r for r in self.records if r["type"] == "sample" and r["t"] > 0]
        self.event(DURATION_S + 0.1, "load_finished", "wrk finished")
        steady = [s for s in samples if s["t"] > self.steady_from()]

        def rate(over):
            return round(sum(s["completed_per_s"] for s in over) / len(over))

        def throttled(over):
            if not self.limits:
                return None
            periods = [r for s in over for r in s["replicas"]]
            return round(sum(r["throttled_periods"] for r in periods) /
                         sum(r["periods"] for r in periods), 4)

        def mean(over, get):
            return round(sum(map(get, over)) / len(over))

        requests = sum(s["completed_per_s"] for s in samples)
        whole_share, whole_imbalance = self.share(samples)
        steady_share, steady_imbalance = self.share(steady)
        mean_us = round(self.connections / (requests / DURATION_S) * 1e6)
        lost = 1 if self.lost_at is not None else 0
        self.write(
            "scenario_end", DURATION_S + 0.4, status=status, reason=reason,
            load={"requests": requests, "duration_s": float(DURATION_S),
                  "requests_per_s": requests / DURATION_S,
                  "latency_us": {"p50": round(mean_us * 0.8), "p75": round(mean_us * 1.5),
                                 "p90": round(mean_us * 2.1), "p99": round(mean_us * 2.6),
                                 "mean": mean_us, "max": round(mean_us * 5)},
                  "socket_errors": {"connect": 0, "read": failed, "write": 0, "timeout": 0},
                  "non_2xx": 0},
            probe={"sent": 2000, "answered": 2000, "failed": 0, "p50_us": 950, "p90_us": 61000,
                   "p99_us": 83000 if self.most == 3 else 126000, "max_us": 151000},
            failed_requests=failed,
            reconcile={"ok": failed == 0, "generator": requests, "probe": 2000,
                       "replicas": requests + 2000 + 600 + failed, "difference": 600 + failed,
                       "allowed": self.connections + 100,
                       "reason": None if failed == 0 else "a replica was lost with its counts"},
            steady={"from_t": self.steady_from(), "to_t": float(DURATION_S),
                    "requests_per_s": rate(steady), "imbalance": steady_imbalance,
                    "throttled_fraction": throttled(steady), "share": steady_share,
                    "cpu_milli": {
                        "replicas": mean(steady, lambda s: sum(r["cpu_milli"]
                                                               for r in s["replicas"])),
                        "generator": mean(steady, lambda s: s["generator"]["cpu_milli"]),
                        "host": mean(steady, lambda s: s["host"]["cpu_milli"])}},
            whole={"requests_per_s": rate(samples), "throttled_fraction": throttled(samples),
                   "imbalance": whole_imbalance, "share": whole_share,
                   "replicas_max": max(s["ready"] for s in samples), "replicas_lost": lost})
        return self.records


RUN_END = {"v": 1, "type": "run_end", "finished": "2025-01-31T12:02:00Z", "status": "ok"}
CELLS = [(3, 1000, True), (1, 1000, False), (3, 2000, False), (1, 2000, True)]


def good():
    rng = random.Random(42)
    records = [run_record()]
    for most, connections, reference in CELLS:
        records += Scenario(rng, most, connections, reference).play().end()
    return records + [RUN_END]


def lost():
    scenario = Scenario(random.Random(7), 3, 1000, True, lost_at=11.3).play()
    return [run_record(title="A replica is killed from outside"),
            *scenario.end("failed", "334 requests failed", failed=334), RUN_END]


def interrupted():
    rng = random.Random(5)
    first = Scenario(rng, 3, 1000, True).play().end()
    second = Scenario(rng, 1, 1000, False).play(until=7)
    second.event(7.4, "interrupted", "SIGINT: the run stops here")
    second.write(
        "scenario_end", 7.6, status="interrupted", reason="SIGINT", load={}, probe=None,
        failed_requests=None, reconcile={"ok": None, "reason": "the load did not end"}, steady=None,
        whole={"requests_per_s": None, "throttled_fraction": None, "imbalance": None, "share": [],
               "replicas_max": 1, "replicas_lost": 0})
    return [run_record(), *first, *second.records, dict(RUN_END, status="interrupted")]


def no_limits():
    records = [run_record(limits=False, cpu_factor=1, cpu_factor_reason="no limits were set")]
    records[0]["machine"]["cgroup"] = "none"
    rng = random.Random(9)
    for most in (3, 1):
        records += Scenario(rng, most, 1000, most == 3, limits=False).play().end()
    return records + [RUN_END]


def hostile():
    """Text that tries to leave the place that a report puts it in."""
    script = "</script><script>window.broken=1</script>"
    records = copy.deepcopy(lost())
    records[0]["title"] = f"{script} | `code` <b>bold</b> & *stars*"
    records[0]["machine"]["cpu_model"] = "\"><img src=x onerror=window.broken=2>"
    records[0]["manifests"][0]["path"] = "javascript:alert(1)'\"<!--"
    for record in records:
        if record["type"] == "scenario_start":
            record["title"] = f"'\"><svg onload=window.broken=3> {script}\u2028"
        if record["type"] == "tick":
            record["because"] = f"<!--<script> {script} {record['because']}"
        if record["type"] == "event":
            record["message"] = f"{script} {record['message']}"
        for replica in record.get("replicas", []):
            replica["name"] += "<img src=x onerror=window.broken=4>"
    return records


def lines(records):
    return "".join(json.dumps(r, separators=(",", ":"), ensure_ascii=False) + "\n"
                   for r in records)


def main():
    for fixture in (good, lost, interrupted, no_limits, hostile):
        (HERE / f"{fixture.__name__}.jsonl").write_text(lines(fixture()), encoding="utf-8")
    # As a machine that lost its power leaves it: in the middle of a record of the third scenario.
    text = lines(good())
    cut = text.index('"scenario":"max3-2000","t":9.0')
    (HERE / "cut_off.jsonl").write_text(text[:cut], encoding="utf-8")


if __name__ == "__main__":
    main()
