"""The manifests against Kubernetes' own schemas (kubernetes-validate ships them; no cluster)."""

import copy

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
    "wrk-configmap.yaml",
    "job-wrk-1000.yaml",
    "job-wrk-2000.yaml",
]


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
    found = {path.name for path in (repo / "k8s").glob("*.yaml")}
    assert found - {"kustomization.yaml"} >= set(MANIFESTS)


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


@pytest.mark.parametrize("name", ["deployment.yaml", "job-wrk-1000.yaml", "job-wrk-2000.yaml"])
def test_pods_run_under_the_restricted_standard(repo, name):
    """Pod Security Standards, level restricted."""
    pod = objects(repo, name)[0]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert set(container["resources"]) == {"requests", "limits"}


def test_the_jobs_differ_in_their_connections_only(repo):
    small = (repo / "k8s" / "job-wrk-1000.yaml").read_text()
    large = (repo / "k8s" / "job-wrk-2000.yaml").read_text()
    assert small.replace("1000", "2000") == large
