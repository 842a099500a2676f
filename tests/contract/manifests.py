"""What several tests need of manifests: reading them, Kubernetes' own schemas, the rules of a pod."""

import kubernetes_validate
import yaml

# The release whose autoscaler src/scale/hpa follows.
KUBERNETES = "1.34"


def objects(repo, name):
    return list(yaml.safe_load_all((repo / "k8s" / name).read_text()))


def validate(manifest):
    """Strict: a field that the schema does not know is an error, as for `kubectl --validate`."""
    kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


def container_of(manifest):
    return manifest["spec"]["template"]["spec"]["containers"][0]


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
