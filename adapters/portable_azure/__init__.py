"""Azure Blob Storage and Azure Queue Storage, Azurite, their emulator, and virtual machines.

URLs: ``az://container/prefix?account=acme`` and, for Azurite or an address of your own,
``az://container/prefix?endpoint=http://127.0.0.1:10000/devstoreaccount1``; queues:
``azurequeue://jobs?account=acme``; machines: ``azurevm://SUBSCRIPTION/GROUP?location=eastus``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable.adapter import Adapter, ComputeService, QueueService, Scheme, StorageService
from portable_azure.compute_settings import AzureVmSettings
from portable_azure.settings import AzureQueueSettings, AzureSettings
from portable_obstore.choice import is_wanted

if TYPE_CHECKING:
    from portable.compute.driver import ComputeDriver
    from portable.queue.driver import QueueDriver
    from portable.storage.driver import StorageDriver


def _connect_storage(settings: AzureSettings) -> StorageDriver:
    if is_wanted(settings.engine, needs="azure.storage.blob"):
        from portable_azure.fast import connect  # imports azure-storage-blob when it is needed

        return connect(settings)
    from portable_azure.storage import AzureStorage  # imports azure-storage-blob

    return AzureStorage(settings)


def _connect_queue(settings: AzureQueueSettings) -> QueueDriver:
    from portable_azure.queue import StorageQueue  # imports azure-storage-queue

    return StorageQueue(settings)


def _connect_compute(settings: AzureVmSettings) -> ComputeDriver:
    from importlib.util import find_spec

    # It is imported by the first request; the parent of a module that isn't there is imported.
    if find_spec("azure.mgmt") is None or find_spec("azure.mgmt.compute") is None:
        raise ModuleNotFoundError("there is no azure-mgmt-compute", name="azure.mgmt.compute")
    from portable_azure.compute import AzureMachines

    return AzureMachines(settings)


ADAPTER = Adapter(
    name="azure",
    extra="azure",
    storage=StorageService(
        settings=AzureSettings,
        schemes=(Scheme(name="az", host="container", path="prefix"),),
        connect=_connect_storage,
    ),
    queue=QueueService(
        settings=AzureQueueSettings,
        schemes=(Scheme(name="azurequeue", host="name", path=""),),
        connect=_connect_queue,
    ),
    compute=ComputeService(
        settings=AzureVmSettings,
        schemes=(Scheme(name="azurevm", host="subscription", path="resource_group"),),
        connect=_connect_compute,
    ),
    credentials=(
        "Azure credentials come from the environment (AZURE_STORAGE_CONNECTION_STRING, or "
        "AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN), or else from "
        "azure-identity's own chain: a service principal, a managed identity, `az login`"
    ),
    # https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory
    permissions=dict.fromkeys(
        ("put", "multipart", "abort"),
        "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write",
    )
    | dict.fromkeys(
        ("get", "stat", "list"),
        "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",
    )
    | {
        "delete": "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete",
        "copy": "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read and …/write",
        "sign": "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
    },
)
