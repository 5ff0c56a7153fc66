"""Google Cloud Storage, Pub/Sub and Compute Engine.

URLs: ``gs://bucket/prefix``, ``pubsub://project/name`` and ``gce://project/zone``; for an emulator
``gs://bucket?endpoint=http://127.0.0.1:4443``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable.adapter import Adapter, ComputeService, QueueService, Scheme, StorageService
from portable_gcp.compute_settings import GceSettings
from portable_gcp.queue_settings import PubSubSettings
from portable_gcp.settings import GcsSettings
from portable_obstore.choice import is_wanted

if TYPE_CHECKING:
    from portable.compute.driver import ComputeDriver
    from portable.queue.driver import QueueDriver
    from portable.storage.driver import StorageDriver


def _connect_storage(settings: GcsSettings) -> StorageDriver:
    if is_wanted(settings.engine, needs="google.auth"):
        from portable_gcp.fast import connect

        return connect(settings)
    from portable_gcp.storage import GcsStorage  # imports google-auth

    return GcsStorage(settings)


def _connect_queue(settings: PubSubSettings) -> QueueDriver:
    from portable_gcp.queue import PubSubQueue  # imports google-cloud-pubsub

    return PubSubQueue(settings)


def _connect_compute(settings: GceSettings) -> ComputeDriver:
    from importlib.util import find_spec

    if find_spec("google.cloud.compute_v1") is None:  # it is imported by the first request
        raise ModuleNotFoundError(
            "there is no google-cloud-compute", name="google.cloud.compute_v1"
        )
    from portable_gcp.compute import GceMachines

    return GceMachines(settings)


ADAPTER = Adapter(
    name="gcp",
    extra="gcp",
    storage=StorageService(
        settings=GcsSettings,
        schemes=(Scheme(name="gs", host="bucket", path="prefix"),),
        connect=_connect_storage,
    ),
    queue=QueueService(
        settings=PubSubSettings,
        schemes=(Scheme(name="pubsub", host="project", path="name"),),
        connect=_connect_queue,
    ),
    compute=ComputeService(
        settings=GceSettings,
        schemes=(Scheme(name="gce", host="project", path="zone"),),
        connect=_connect_compute,
    ),
    credentials=(
        "Google credentials are Application Default Credentials: the file that "
        "GOOGLE_APPLICATION_CREDENTIALS names, what `gcloud auth application-default login` "
        "left, or the machine's service account"
    ),
    # https://cloud.google.com/storage/docs/access-control/iam-permissions
    permissions={
        "put": "storage.objects.create, and storage.objects.delete to replace an object",
        "get": "storage.objects.get",
        "stat": "storage.objects.get",
        "list": "storage.objects.list",
        "delete": "storage.objects.delete",
        "multipart": "storage.multipartUploads.create and storage.objects.create",
        "abort": "storage.multipartUploads.abort and storage.multipartUploads.list",
        "copy": "storage.objects.get and storage.objects.create",
        "sign": "storage.objects.get, and iam.serviceAccounts.signBlob without a private key",
    },
)
