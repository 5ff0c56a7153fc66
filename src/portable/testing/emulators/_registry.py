"""The providers that can be emulated; a further one is a module, and a line here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path

from portable.testing.emulators._provider import Emulated, Provider

_importing = threading.Lock()  # providers start side by side, and their modules share some


def _by(module: str) -> Callable[[Path], AbstractContextManager[Emulated]]:
    """`run` of a module that is imported by then: the others' SDKs needn't be installed."""

    def run(folder: Path) -> AbstractContextManager[Emulated]:
        with _importing:
            loaded = import_module(f"portable.testing.emulators.{module}")
        started: AbstractContextManager[Emulated] = loaded.run(folder)
        return started

    return run


PROVIDERS: Mapping[str, Provider] = {
    "aws": Provider(servers="ministack and FakeEc2", extra="aws", run=_by("_aws")),
    "gcp": Provider(servers="FakeGcs, FakePubSub and FakeGce", extra="gcp", run=_by("_gcp")),
    "azure": Provider(servers="Azurite and FakeArm", extra="azure", run=_by("_azure")),
    "digitalocean": Provider(
        servers="SeaweedFS, PostgreSQL and FakeDroplets",
        extra="digitalocean,postgres",
        run=_by("_digitalocean"),
    ),
    "kubernetes": Provider(
        servers="FakeGcs and FakeKubernetes", extra="kubernetes,gcp", run=_by("_kubernetes")
    ),
}
