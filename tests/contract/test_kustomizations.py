"""The manifests as `kubectl apply -k` takes them: the service, the load test, the components; and what
docs/deploy.md puts beside them."""

import re
import shutil

import pytest
import yaml
from manifests import container_of, objects, pod_violations, validate


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


def test_what_the_docs_show_fits_the_service(repo):
    """Source ranges, Ingress and Gateway: what Kubernetes knows is valid, and all of it leads to the Service."""
    text = (repo / "docs" / "deploy.md").read_text()
    blocks = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    shown = {each["kind"]: each for block in blocks for each in yaml.safe_load_all(block)}
    assert set(shown) == {
        "Service", "ManagedCertificate", "Ingress", "Gateway", "HTTPRoute", "HealthCheckPolicy",
    }  # fmt: skip
    for kind in ("Service", "Ingress"):
        validate(shown[kind])
    service = objects(repo, "service.yaml")[0]
    name, (port,) = service["metadata"]["name"], service["spec"]["ports"]
    assert {each["metadata"]["namespace"] for each in shown.values()} == {"iris"}
    assert shown["Service"]["metadata"]["name"] == name
    backend = shown["Ingress"]["spec"]["defaultBackend"]["service"]
    assert backend == {"name": name, "port": {"number": port["port"]}}
    certificate = shown["ManagedCertificate"]["metadata"]["name"]
    assert shown["Ingress"]["metadata"]["annotations"]["networking.gke.io/managed-certificates"] == certificate
    assert shown["HTTPRoute"]["spec"]["rules"] == [{"backendRefs": [{"name": name, "port": port["port"]}]}]
    assert shown["HTTPRoute"]["spec"]["parentRefs"] == [{"name": shown["Gateway"]["metadata"]["name"]}]
    health = shown["HealthCheckPolicy"]["spec"]
    assert health["targetRef"]["name"] == name
    probe = container_of(objects(repo, "deployment.yaml")[0])["readinessProbe"]["httpGet"]
    assert health["default"]["config"]["httpHealthCheck"] == {
        "port": port["targetPort"], "requestPath": probe["path"],
    }  # fmt: skip
