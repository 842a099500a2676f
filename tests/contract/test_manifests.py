"""The manifests against Kubernetes' own schemas (kubernetes-validate ships them; no cluster) and against
the rules that a schema does not know."""

import copy
import re

import kubernetes_validate
import pytest
import yaml
from manifests import container_of, objects, pod_violations, validate

MANIFESTS = [
    "deployment.yaml",
    "service.yaml",
    "hpa-max1.yaml",
    "hpa-max3.yaml",
    "namespace.yaml",
    "networkpolicy.yaml",
    "pdb.yaml",
    "serviceaccount.yaml",
    "components/pod-monitoring/networkpolicy.yaml",
    "components/service-monitor/networkpolicy.yaml",
    "components/service-monitor/service.yaml",
    "loadtest/wrk-configmap.yaml",
    "loadtest/job-wrk-1000.yaml",
    "loadtest/job-wrk-2000.yaml",
]
# Of APIs that Kubernetes itself does not have.
OF_OTHER_APIS = [
    "components/pod-monitoring/podmonitoring.yaml",
    "components/service-monitor/servicemonitor.yaml",
]
PODS = ["deployment.yaml", "loadtest/job-wrk-1000.yaml", "loadtest/job-wrk-2000.yaml"]


@pytest.mark.parametrize("name", MANIFESTS)
def test_the_schema_accepts_it(repo, name):
    found = objects(repo, name)
    assert len(found) == 1
    validate(found[0])


def test_no_manifest_is_forgotten(repo):
    folder = repo / "k8s"
    found = {str(path.relative_to(folder)) for path in folder.rglob("*.yaml")}
    kustomizations = {each for each in found if each.endswith("kustomization.yaml")}
    assert found - kustomizations == {*MANIFESTS, *OF_OTHER_APIS}


def wrong_field(manifest):
    container_of(manifest)["resources"]["limit"] = {"cpu": "1"}


def wrong_type(manifest):
    manifest["spec"]["replicas"] = "two"


def missing_field(manifest):
    del manifest["spec"]["selector"]


@pytest.mark.parametrize("breakage", [wrong_field, wrong_type, missing_field])
def test_the_schema_refuses_what_is_wrong(repo, breakage):
    manifest = copy.deepcopy(objects(repo, "deployment.yaml")[0])
    breakage(manifest)
    with pytest.raises(kubernetes_validate.ValidationError):
        validate(manifest)


@pytest.fixture(scope="session")
def durations(run_iris):
    """What `iris serve` does unless it is told otherwise, in seconds, by flag."""
    text = run_iris("serve", "--help").stdout
    found = re.findall(r"(--drain[a-z-]*) TEXT=(\d+)s\b", text)
    assert len(found) == 3, text
    return {flag: int(value) for flag, value in found}


def drain_violations(pod, durations):
    """From the pod's deletion to its end: each step has its time, and all of them together."""
    container = pod["containers"][0]
    for arg in container["args"]:
        flag, _, value = arg.partition("=")
        if flag in durations:
            durations = {**durations, flag: int(value.removesuffix("s"))}
    sleep_s = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    before_s = sleep_s + durations["--drain-delay"]
    if before_s < 5:
        yield "stops before its endpoints are gone"
    if before_s + durations["--drain-timeout"] >= pod.get("terminationGracePeriodSeconds", 30):
        yield "is killed while it drains"
    if 2 * durations["--drain-idle-timeout"] > durations["--drain-timeout"]:
        yield "has no time left to answer what comes while it waits for idle connections"


def deployment_violations(deployment):
    """What a service needs beyond a pod."""
    spec = deployment["spec"]
    pod = spec["template"]["spec"]
    container = pod["containers"][0]
    if "replicas" in spec:
        yield "sets replicas, which the autoscaler owns"
    if spec["strategy"]["rollingUpdate"] != {"maxSurge": 1, "maxUnavailable": 0}:
        yield "loses capacity in a rollout"
    probes = [container.get(f"{kind}Probe") for kind in ("startup", "readiness", "liveness")]
    if not all(probes):
        yield "lacks a probe"
    elif probes[1]["httpGet"]["path"] == probes[2]["httpGet"]["path"]:
        yield "asks the same for readiness and liveness"
    if not pod.get("topologySpreadConstraints"):
        yield "may put all replicas on one node"


@pytest.mark.parametrize("name", PODS)
def test_pods_run_under_the_restricted_standard(repo, name):
    assert list(pod_violations(objects(repo, name)[0]["spec"]["template"]["spec"])) == []


def test_the_deployment_is_ready_for_traffic_and_for_rollouts(repo):
    assert list(deployment_violations(objects(repo, "deployment.yaml")[0])) == []


def test_the_steps_of_the_end_fit_into_the_grace_period(repo, durations):
    pod = objects(repo, "deployment.yaml")[0]["spec"]["template"]["spec"]
    assert list(drain_violations(pod, durations)) == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("--drain-delay=5s", "--drain-delay=0s", "stops before its endpoints are gone"),
        ("--drain-delay=5s", "--drain-delay=10s", "is killed while it drains"),
        ("--drain-delay=5s", "--drain-timeout=35s", "is killed while it drains"),
        ("--drain-delay=5s", "--drain-idle-timeout=20s", "has no time left"),
        ("PeriodSeconds: 35", "PeriodSeconds: 30", "is killed while it drains"),
        ("          securityContext:", "          lifecycle: {preStop: {sleep: {seconds: 5}}}\n"
         "          securityContext:", "is killed while it drains"),
    ],
)  # fmt: skip
def test_an_end_without_enough_time_is_refused(repo, durations, old, new, found):
    text = (repo / "k8s" / "deployment.yaml").read_text()
    assert old in text
    pod = yaml.safe_load(text.replace(old, new))["spec"]["template"]["spec"]
    assert any(found in violation for violation in drain_violations(pod, durations))


def without(*path):
    def breakage(manifest):
        for key in path[:-1]:
            manifest = manifest[key]
        del manifest[path[-1]]

    return breakage


POD = ("spec", "template", "spec")
CONTAINER = (*POD, "containers", 0)


@pytest.mark.parametrize(
    ("breakage", "found"),
    [
        (without(*POD, "securityContext", "runAsNonRoot"), "runs as root"),
        (without(*POD, "securityContext", "seccompProfile"), "no seccomp profile"),
        (without(*POD, "automountServiceAccountToken"), "mounts a token"),
        (without(*CONTAINER, "securityContext", "capabilities"), "has capabilities"),
        (without(*CONTAINER, "securityContext", "readOnlyRootFilesystem"), "may write to its root"),
        (without(*CONTAINER, "resources", "limits", "memory"), "no limits"),
        (without(*CONTAINER, "resources", "requests", "ephemeral-storage"), "no requests"),
        (without(*CONTAINER, "livenessProbe"), "lacks a probe"),
        (without(*CONTAINER, "readinessProbe"), "lacks a probe"),
        (without(*POD, "topologySpreadConstraints"), "may put all replicas on one node"),
        (
            lambda manifest: manifest["spec"].update(replicas=2),
            "sets replicas, which the autoscaler owns",
        ),
    ],
)
def test_the_rules_refuse_what_is_wrong(repo, breakage, found):
    manifest = copy.deepcopy(objects(repo, "deployment.yaml")[0])
    breakage(manifest)
    pod = manifest["spec"]["template"]["spec"]
    assert found in [*pod_violations(pod), *deployment_violations(manifest)]


def test_the_jobs_differ_in_their_connections_only(repo):
    small = (repo / "k8s" / "loadtest/job-wrk-1000.yaml").read_text()
    large = (repo / "k8s" / "loadtest/job-wrk-2000.yaml").read_text()
    assert small.replace("1000", "2000") == large
