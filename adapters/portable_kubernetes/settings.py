"""What can be configured of a cluster. Credentials come from the kubeconfig, or the pod."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from portable.adapter import ComputeSettings
from portable.endpoints import check_endpoint
from portable.errors import EndpointRefused

# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
LABEL_KEY = re.compile(rf"([a-z0-9]([-a-z0-9.]{{0,251}}[a-z0-9])?/)?{_NAME}")
LABEL_VALUE = re.compile(rf"({_NAME})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesSettings(ComputeSettings):
    """One namespace of a cluster.

    Attributes:
        context: Of the kubeconfig; its current one unless given. Inside a pod, and with neither
            this nor a `kubeconfig`, it is the pod's own cluster.
        namespace: Where jobs are made.
        kubeconfig: A file instead of what KUBECONFIG names, or ``~/.kube/config``.
        image: A container image: ``sh``, and Python 3.9 or later, are all that it must have.
        image_pull_secret: The name of a secret of the namespace, for images that aren't public.
        node_selector: Labels that the nodes must have: ``"pool=train,disk=ssd"``.
        tolerations: Keys of the taints that pods tolerate, with commas between them.
        gpu_resource: What the cluster calls a GPU.
        gpu_label: The nodes' label that has the GPU's model; without it a model can't be asked
            for: ``"cloud.google.com/gke-accelerator"``, ``"karpenter.k8s.aws/instance-gpu-name"``,
            or ``"nvidia.com/gpu.product"``.
        spot_label: The label of nodes that may be taken away, with its value, such as
            ``"cloud.google.com/gke-spot=true"``; a taint of that name is tolerated. Without it
            there are no spot machines.
        keep: Seconds that a finished Job is left in the cluster, for `kubectl` and people.
        endpoint: A server without credentials, instead of a cluster of the kubeconfig; https, or
            http on loopback.
        allow_http: Take an `endpoint` that isn't encrypted, beyond loopback; only from code.
        connect_timeout: Seconds.
        read_timeout: Seconds without a byte.
    """

    context: str | None = None
    namespace: str = "default"
    kubeconfig: str | None = None
    image: str = "python:3.12-slim"
    image_pull_secret: str | None = None
    node_selector: str | None = None
    tolerations: str | None = None
    gpu_resource: str = "nvidia.com/gpu"
    gpu_label: str | None = None
    spot_label: str | None = None
    keep: float = 3600.0
    endpoint: str | None = None
    allow_http: bool = False
    connect_timeout: float = 10.0
    read_timeout: float = 30.0

    paths: ClassVar[frozenset[str]] = frozenset({"kubeconfig"})
    code_only: ClassVar[frozenset[str]] = frozenset({"allow_http"})

    @property
    def url(self) -> str:
        return f"k8s://{self.context or ''}/{self.namespace}"

    @property
    def endpoint_id(self) -> str:
        return self.endpoint or f"k8s://{self.context or ''}"

    @property
    def server(self) -> str | None:
        """The `endpoint` in normal form.

        Raises:
            EndpointRefused: it isn't one to send anything to.
        """
        if self.endpoint is None:
            return None
        return check_endpoint(self.endpoint, allow_http=self.allow_http)

    @property
    def selected(self) -> dict[str, str]:
        """The labels of `node_selector`."""
        return dict(map(pair, _parts(self.node_selector)))

    @property
    def tolerated(self) -> list[str]:
        """The keys of `tolerations`."""
        return _parts(self.tolerations)

    def problems(self) -> list[str]:
        found = ComputeSettings.problems(self)
        if not DNS_LABEL.fullmatch(self.namespace):
            found.append(f"'namespace' {self.namespace!r} isn't a namespace's name")
        if self.endpoint is not None and (self.context or self.kubeconfig):
            found.append("'endpoint' and a 'context' or 'kubeconfig' exclude each other")
        for name in ("connect_timeout", "read_timeout"):
            if getattr(self, name) <= 0:
                found.append(f"'{name}' must be above 0 seconds")
        if not 0 <= self.keep < 2**31:
            found.append("'keep' must be 0 seconds or more")
        try:
            _ = self.server
        except EndpointRefused as error:
            found.append(f"'endpoint': {error.message}")
        return found + self._label_problems()

    def _label_problems(self) -> list[str]:
        found = []
        labels = [("node_selector", each) for each in _parts(self.node_selector)]
        labels += [("spot_label", each) for each in (self.spot_label,) if each is not None]
        for name, text in labels:
            key, value = pair(text)
            if not (LABEL_KEY.fullmatch(key) and LABEL_VALUE.fullmatch(value) and "=" in text):
                found.append(f"'{name}': {text!r} isn't a label, such as \"pool=train\"")
        keys = [("tolerations", each) for each in self.tolerated]
        keys += [("gpu_label", self.gpu_label or "gpu"), ("gpu_resource", self.gpu_resource)]
        for name, text in keys:
            if not LABEL_KEY.fullmatch(text):
                found.append(f"'{name}': {text!r} isn't a name, such as \"nvidia.com/gpu\"")
        return found


def pair(label: str) -> tuple[str, str]:
    """The key and the value of ``key=value``."""
    key, _, value = label.partition("=")
    return key, value


def _parts(text: str | None) -> list[str]:
    return [each.strip() for each in text.split(",")] if text else []
