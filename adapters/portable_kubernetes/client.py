"""The official client of one cluster. Its import takes two seconds and 150 MB."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Literal

from portable_kubernetes.errors import translated
from portable_kubernetes.settings import KubernetesSettings

# Not by a statement: type checkers would read its models each time.
client = import_module("kubernetes.client")
config = import_module("kubernetes.config")

PAGE = 500  # kubectl's: https://kubernetes.io/docs/reference/using-api/api-concepts/
CONNECTIONS = 16
Api = Literal["batch", "core"]


class Cluster:
    """Sends requests about one namespace, each once. Safe to use from many threads."""

    def __init__(self, settings: KubernetesSettings) -> None:
        """Find the cluster and its credentials; a kubeconfig's own program may be run for them."""
        self._namespace = settings.namespace
        self._timeout = (settings.connect_timeout, settings.read_timeout)
        with translated(credentials=True):
            configured = _configuration(settings)
        configured.retries = False
        configured.connection_pool_maxsize = CONNECTIONS
        self.api = client.ApiClient(configured)
        self._apis = {"batch": client.BatchV1Api(self.api), "core": client.CoreV1Api(self.api)}

    def ask(self, api: Api, method: str, **asked: Any) -> Any:
        """Send one request about the namespace.

        Args:
            method: Of the client, such as ``"read_namespaced_job"``.
        """
        with translated():
            return getattr(self._apis[api], method)(
                namespace=self._namespace, _request_timeout=self._timeout, **asked
            )

    def each(self, api: Api, method: str, **asked: Any) -> Iterator[Any]:
        """What is in all pages of a listing."""
        more: dict[str, str] = {}
        while True:
            page = self.ask(api, method, limit=PAGE, **asked, **more)
            yield from page.items
            following = page.metadata.var_continue
            if not following:
                return
            more = {"_continue": following}

    def close(self) -> None:
        """Drop connections."""
        self.api.rest_client.pool_manager.clear()


def _configuration(settings: KubernetesSettings) -> Any:
    if settings.server is not None:
        configured = client.Configuration(host=settings.server)
        configured.proxy = None
        return configured
    configured = client.Configuration()
    chosen = settings.context or settings.kubeconfig or os.environ.get("KUBECONFIG")
    if "KUBERNETES_SERVICE_HOST" in os.environ and not chosen:
        config.load_incluster_config(client_configuration=configured)
    else:
        config.load_kube_config(
            config_file=settings.kubeconfig,
            context=settings.context,
            client_configuration=configured,
        )
    return configured
