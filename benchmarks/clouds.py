"""Objects of 16 KiB on stand-ins of Azure and Google Cloud: portable, the SDK and obstore.

The stand-ins are written in JavaScript and Python and use one core: where they are the limit, the
processor time that each client takes tells the clients apart.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import obstore
from azure.storage.blob import ContainerClient
from google.api_core.exceptions import GoogleAPICallError
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client
from obstore.store import AzureStore, GCSStore
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as NotThere

import portable
from benchmarks.timing import Call, as_table, many, measure, processor_table
from portable.testing.servers import azurite, make_container
from portable.testing.servers._ports import reserved

BUCKET = "bench"
OBJECT_BYTES = 16 * 1024
OBJECTS = 500
THREADS = 16


def azure(rounds: int) -> str:
    """Markdown tables; Azurite is started and stopped here."""
    with azurite() as server:
        make_container(server, BUCKET)
        os.environ["AZURE_STORAGE_ACCOUNT"] = server.account
        os.environ["AZURE_STORAGE_KEY"] = server.key
        bucket = portable.open_bucket(f"az://{BUCKET}?endpoint={server.endpoint}")
        sdk = ContainerClient(
            server.endpoint,
            BUCKET,
            credential={"account_name": server.account, "account_key": server.key},
            connection_pool_maxsize=THREADS,
        )
        store = AzureStore(
            BUCKET,
            endpoint=server.endpoint,
            account_name=server.account,
            account_key=server.key,
            client_options={"allow_http": True},
        )
        data = os.urandom(OBJECT_BYTES)
        puts: dict[str, Call] = {
            "portable": lambda i: bucket.put(f"portable/{i}", data),
            "SDK": lambda i: sdk.upload_blob(f"sdk/{i}", data, overwrite=True),
            "obstore": lambda i: obstore.put(store, f"obstore/{i}", data),
        }
        gets: dict[str, Call] = {
            "portable": lambda i: bucket.get(f"portable/{i}"),
            "SDK": lambda i: sdk.download_blob(f"portable/{i}").readall(),
            "obstore": lambda i: obstore.get(store, f"portable/{i}").bytes(),
        }
        return _tables("Azurite on loopback", puts, gets, rounds)


def gcs(rounds: int) -> str:
    """Markdown tables; portable's own fake is started in a process of its own, and stopped."""
    with _fake_gcs() as (endpoint, sdk):
        bucket = portable.open_bucket(f"gs://{BUCKET}?endpoint={endpoint}")
        store = GCSStore(
            BUCKET,
            base_url=endpoint,
            skip_signature=True,
            client_options={"allow_http": True},
        )
        there, data = sdk.bucket(BUCKET), os.urandom(OBJECT_BYTES)
        puts: dict[str, Call] = {
            "portable": lambda i: bucket.put(f"portable/{i}", data),
            "SDK": lambda i: there.blob(f"sdk/{i}").upload_from_string(data),
        }  # obstore puts nothing without credentials
        gets: dict[str, Call] = {
            "portable": lambda i: bucket.get(f"portable/{i}"),
            "SDK": lambda i: there.blob(f"portable/{i}").download_as_bytes(),
            "obstore": lambda i: obstore.get(store, f"portable/{i}").bytes(),
        }
        return _tables("Google Cloud, our own fake on loopback", puts, gets, rounds)


def _tables(where: str, puts: Mapping[str, Call], gets: Mapping[str, Call], rounds: int) -> str:
    rows = [
        measure(
            f"{verb} 16 KiB, 16 threads",
            "objects/s",
            OBJECTS,
            {peer: many(call, OBJECTS, threads=THREADS) for peer, call in calls.items()},
            rounds,
        )
        for verb, calls in (("put", puts), ("get", gets))
    ]
    return f"{as_table(where, rows, 'portable', ('SDK', 'obstore'))}\n{processor_table(rows)}"


@contextmanager
def _fake_gcs() -> Iterator[tuple[str, Any]]:
    """Its endpoint and the SDK's client, with a bucket."""
    with reserved() as (port, _):
        command = [sys.executable, "-m", "portable.testing.fakes.gcs", f"{port}"]
        server = subprocess.Popen(command)
        try:
            endpoint = f"http://127.0.0.1:{port}"
            client = Client(
                project="bench",
                credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
                client_options={"api_endpoint": endpoint},
            )
            client._http.mount("http://", HTTPAdapter(pool_maxsize=THREADS))
            for _ in range(100):
                try:
                    client.create_bucket(BUCKET)
                    break
                except (NotThere, GoogleAPICallError):
                    time.sleep(0.05)
            yield endpoint, client
        finally:
            server.terminate()
            server.wait()
