"""A cluster on this machine, for whoever needs one: the seam of this folder.

    with cluster.running(Path(folder), program=Path("build/release/iris")) as world:
        world.images["registry/iris-api@sha256:…"] = world.image_of_iris(Path("models/model.onnx"))
        subprocess.run(["scripts/deploy", …], env={**os.environ, **world.environment})

`environment` has KUBECONFIG and a PATH with the release's kubectl. What is real is in docs/cluster.md.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import balancer
import binaries
import comparison
import control_plane
import local_pods
from pod_process import Image


@dataclasses.dataclass
class Cluster:
    plane: control_plane.Plane
    pods: local_pods.LocalPods
    balancer: balancer.Balancer
    program: Path

    @property
    def environment(self) -> dict[str, str]:
        return self.plane.environment

    @property
    def kubeconfig(self) -> Path:
        return self.plane.kubeconfig

    @property
    def versions(self) -> dict[str, str]:
        return self.plane.binaries.versions

    @property
    def images(self) -> dict[str, Image]:
        """What can be pulled, by the reference in the Pod; may be changed at any time."""
        return self.pods.images

    def image_of_iris(self, model: Path) -> Image:
        return Image(str(self.program.resolve()), (), {"/models/model.onnx": str(model.resolve())})


@contextlib.contextmanager
def running(folder: Path, program: Path) -> Iterator[Cluster]:
    """Raises binaries.NotBuilt where `./run rehearse --cluster` never built the control plane."""
    built = binaries.find()
    with (
        control_plane.running(folder, built, comparison.CONTROLLER_FLAGS) as plane,
        local_pods.playing(plane, {"iris-loadtest": Image("wrk")}) as pods,
        balancer.balancing(plane, pods) as services,
    ):
        yield Cluster(plane, pods, services, program)
