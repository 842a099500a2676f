"""The manifests against Kubernetes' own schemas (kubernetes-validate ships them; no cluster), against
the rules that a schema does not know, and as `kubectl kustomize` renders them."""

import copy
import re
import shutil

import kubernetes_validate
import pytest
import yaml

# The release whose autoscaler src/scale/hpa follows.
KUBERNETES = "1.34"
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


def objects(repo, name):
    return list(yaml.safe_load_all((repo / "k8s" / name).read_text()))


def validate(manifest):
    """Strict: a field that the schema does not know is an error, as for `kubectl --validate`."""
    kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


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


def container_of(manifest):
    return manifest["spec"]["template"]["spec"]["containers"][0]


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


def pod_violations(pod):
    """What the restricted Pod Security Standard and the house rules find wrong with a pod's spec."""
    context = pod.get("securityContext", {})
    if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
        yield "runs as root"
    if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "no seccomp profile"
    if pod.get("automountServiceAccountToken") is not False:
        yield "mounts a token"
    if any(pod.get(field) for field in ("hostNetwork", "hostPID", "hostIPC")):
        yield "shares the host's namespaces"
    for container in pod["containers"]:
        context = container.get("securityContext", {})
        if context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
            yield "may gain privileges"
        if context.get("readOnlyRootFilesystem") is not True:
            yield "may write to its root"
        if context.get("capabilities") != {"drop": ["ALL"]}:
            yield "has capabilities"
        for kind in ("requests", "limits"):
            known = {"cpu", "memory", "ephemeral-storage"}
            if set(container.get("resources", {}).get(kind, {})) != known:
                yield f"no {kind}"


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


def test_kustomize_renders_the_service_as_a_unit(repo, kustomize):
    rendered = {(each["kind"], each["metadata"]["name"]): each for each in kustomize(repo / "k8s")}
    assert set(rendered) == {
        ("Namespace", "iris"),
        ("ServiceAccount", "iris-api"),
        ("Deployment", "iris-api"),
        ("Service", "iris-api-lb"),
        ("HorizontalPodAutoscaler", "iris-api-hpa"),
        ("PodDisruptionBudget", "iris-api"),
        ("NetworkPolicy", "iris-api"),
    }
    for (kind, _), manifest in rendered.items():
        validate(manifest)
        assert kind == "Namespace" or manifest["metadata"]["namespace"] == "iris"
    # What a Service, a budget and a policy select are the pods, whatever labels were added.
    pod = rendered["Deployment", "iris-api"]["spec"]["template"]
    assert pod["spec"]["containers"][0]["image"].endswith("@sha256:" + 64 * "0")
    assert rendered["ServiceAccount", "iris-api"]["automountServiceAccountToken"] is False
    for selector in (
        rendered["Service", "iris-api-lb"]["spec"]["selector"],
        rendered["PodDisruptionBudget", "iris-api"]["spec"]["selector"]["matchLabels"],
        rendered["NetworkPolicy", "iris-api"]["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector.items() <= pod["metadata"]["labels"].items()


def test_the_jobs_differ_in_their_connections_only(repo):
    small = (repo / "k8s" / "loadtest/job-wrk-1000.yaml").read_text()
    large = (repo / "k8s" / "loadtest/job-wrk-2000.yaml").read_text()
    assert small.replace("1000", "2000") == large


def test_the_load_test_is_a_unit_of_its_own(repo, kustomize):
    """Both Jobs at once would be a third load: the larger one waits until it is told to begin."""
    objects_of_it = kustomize(repo / "k8s" / "loadtest")
    rendered = {(each["kind"], each["metadata"]["name"]): each for each in objects_of_it}
    assert set(rendered) == {("ConfigMap", "wrk-scripts"), ("Job", "wrk-1000"), ("Job", "wrk-2000")}
    for manifest in rendered.values():
        validate(manifest)
        assert manifest["metadata"]["namespace"] == "iris"
    for name, waits in (("wrk-1000", False), ("wrk-2000", True)):
        job = rendered["Job", name]["spec"]
        assert job.get("suspend", False) == waits
        pod = job["template"]["spec"]
        assert list(pod_violations(pod)) == []
        assert re.fullmatch(r"[a-z.]+/[a-z/]+@sha256:[0-9a-f]{64}", pod["containers"][0]["image"])
        # The ConfigMap keeps its name, or iris scale would not find it.
        assert pod["volumes"][0]["configMap"]["name"] == "wrk-scripts"


def test_the_image_of_the_load_is_chosen_by_an_overlay(repo, kustomize, tmp_path):
    shutil.copytree(repo / "k8s", tmp_path / "k8s")
    (tmp_path / "overlay").mkdir()
    (tmp_path / "overlay" / "kustomization.yaml").write_text(
        "resources: [../k8s/loadtest]\n"
        "images: [{name: docker.io/williamyeh/wrk, newName: registry.example/iris-loadtest, digest: sha256:1}]\n"
    )
    jobs = [each for each in kustomize(tmp_path / "overlay") if each["kind"] == "Job"]
    images = {job["spec"]["template"]["spec"]["containers"][0]["image"] for job in jobs}
    assert images == {"registry.example/iris-loadtest@sha256:1"}


@pytest.fixture
def with_component(repo, kustomize, tmp_path):
    """What the service's unit becomes with a component."""

    def render(name):
        shutil.copytree(repo / "k8s", tmp_path / "k8s")
        (tmp_path / "overlay").mkdir()
        (tmp_path / "overlay" / "kustomization.yaml").write_text(
            f"resources: [../k8s]\ncomponents: [../k8s/components/{name}]\n"
        )
        return kustomize(tmp_path / "overlay")

    return render


def reaches(policies, port, namespace):
    """Whether a pod of that namespace reaches the port of the service's pods. Policies add up."""

    def matches(peer):
        selector = peer["namespaceSelector"]
        wanted = selector.get("matchLabels", {}).get("kubernetes.io/metadata.name")
        one_of = [each["values"] for each in selector.get("matchExpressions", []) if each["operator"] == "In"]
        return namespace == wanted or any(namespace in values for values in one_of)

    return any(
        port in [each["port"] for each in rule["ports"]]
        and ("from" not in rule or any(matches(peer) for peer in rule["from"]))
        for policy in policies
        for rule in policy["spec"]["ingress"]
    )


@pytest.mark.parametrize(
    ("component", "monitor", "collectors"),
    [
        ("pod-monitoring", "PodMonitoring", ["gke-gmp-system", "gmp-system"]),
        ("service-monitor", "ServiceMonitor", ["monitoring"]),
    ],
)
def test_metrics_are_scraped_from_the_namespace_of_monitoring_alone(
    with_component, component, monitor, collectors
):
    rendered = with_component(component)
    by_kind = {}
    for each in rendered:
        by_kind.setdefault(each["kind"], []).append(each)
        assert each["kind"] == "Namespace" or each["metadata"]["namespace"] == "iris"
    (deployment,), (watch,) = by_kind["Deployment"], by_kind[monitor]
    pod = deployment["spec"]["template"]
    container = pod["spec"]["containers"][0]
    # The pod listens where the policy and the monitor say.
    assert "--admin-host=0.0.0.0" in container["args"]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert ports == {"http": 8080, "metrics": 9090}
    assert [each["port"] for each in watch["spec"]["endpoints"]] == ["metrics"]
    labels = pod["metadata"]["labels"]
    if monitor == "ServiceMonitor":
        chosen = [
            each for each in by_kind["Service"]
            if watch["spec"]["selector"]["matchLabels"].items() <= each["metadata"]["labels"].items()
        ]  # fmt: skip
        assert [each["metadata"]["name"] for each in chosen] == ["iris-api-metrics"]
        assert chosen[0]["spec"]["clusterIP"] == "None"
        assert chosen[0]["spec"]["ports"][0]["targetPort"] == "metrics"
        assert chosen[0]["spec"]["selector"].items() <= labels.items()
    else:
        assert watch["spec"]["selector"]["matchLabels"].items() <= labels.items()
    policies = by_kind["NetworkPolicy"]
    assert all(each["spec"]["podSelector"]["matchLabels"].items() <= labels.items() for each in policies)
    for namespace in collectors:
        assert reaches(policies, 9090, namespace)
    for namespace in ("iris", "default", "kube-system"):
        assert not reaches(policies, 9090, namespace)
        assert reaches(policies, 8080, namespace)
    # Nothing public leads to the admin port.
    public = [each for each in by_kind["Service"] if each["spec"].get("type") == "LoadBalancer"]
    assert [each["targetPort"] for service in public for each in service["spec"]["ports"]] == [8080]


def test_without_a_component_the_admin_port_is_reached_by_nobody(repo, kustomize):
    policies = [each for each in kustomize(repo / "k8s") if each["kind"] == "NetworkPolicy"]
    assert not any(reaches(policies, 9090, name) for name in ("iris", "monitoring", "gke-gmp-system"))
