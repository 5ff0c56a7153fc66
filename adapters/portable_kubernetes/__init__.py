"""Jobs of a Kubernetes cluster: on EKS, GKE, AKS or any other.

URLs: ``k8s://context/namespace``, and ``k8s:///namespace`` for the current context.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable.adapter import Adapter, ComputeService, Scheme
from portable_kubernetes.settings import KubernetesSettings

if TYPE_CHECKING:
    from portable.compute.driver import ComputeDriver


def _connect_compute(settings: KubernetesSettings) -> ComputeDriver:
    from importlib.util import find_spec

    if find_spec("kubernetes") is None:  # it is imported by the first request
        raise ModuleNotFoundError("there is no kubernetes client", name="kubernetes")
    from portable_kubernetes.compute import KubernetesJobs

    return KubernetesJobs(settings)


ADAPTER = Adapter(
    name="kubernetes",
    extra="kubernetes",
    compute=ComputeService(
        settings=KubernetesSettings,
        schemes=(Scheme(name="k8s", host="context", path="namespace"),),
        connect=_connect_compute,
    ),
    credentials=(
        "Kubernetes credentials are those of the kubeconfig, which KUBECONFIG or the setting "
        "'kubeconfig' names, else ~/.kube/config; inside a pod, those of its service account"
    ),
    instead={
        "storage": "set a bucket that the cluster's pods reach, such as s3://, gs:// or az://",
        "queue": (
            "use the queues of the cloud that the cluster is in, or the provider 'postgres': "
            "postgres://HOST:PORT/DATABASE?name=jobs"
        ),
    },
)
