"""The file system on a folder and on a server, each with a bucket for the session."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

import portable
from portable.storage import Bucket
from portable.testing.servers import S3Server, moto_server, running_with_bucket, servers_required
from portable.testing.targets.s3 import isolate

if TYPE_CHECKING:
    from portable.integrations.fsspec import PortableFileSystem

PLACES = ["local", pytest.param("s3", marks=pytest.mark.xdist_group("ecosystem-s3"))]


@dataclass(frozen=True, slots=True)
class Home:
    """A new, empty folder of a bucket.

    Attributes:
        place: ``"local"`` or ``"s3"``.
        path: Of the folder; every test has its own.
        settings: What `portable.configure` takes for the bucket.
    """

    place: str
    settings: dict[str, Any] = field(repr=False)
    fs: PortableFileSystem
    path: str

    @property
    def url(self) -> str:
        return f"portable://{self.path}"

    @property
    def bucket(self) -> Bucket:
        return portable.open_bucket()

    def key(self, name: str) -> str:
        return f"{self.path}/{name}"


def pytest_configure(config: pytest.Config) -> None:
    """Know the markers of pyarrow's cases."""
    for name in ("azure", "gcs", "gzip", "hdfs", "numpy", "pandas", "processes", "s3", "threading"):
        config.addinivalue_line("markers", f"{name}: of pyarrow's own tests")


EITHER = (AssertionError, pytest.fail.Exception)
# Cases of fsspec's suite that remove a directory's objects and look for it at once.
EMPTIED = frozenset(
    {
        "test_copy_directory_to_existing_directory[s3]",
        "test_copy_directory_to_new_directory[s3]",
        "test_copy_glob_to_existing_directory[s3]",
        "test_put_directory_to_existing_directory[s3]",
        "test_put_directory_to_new_directory[s3]",
        "test_put_glob_to_existing_directory[s3]",
    }
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """fsspec's 96 cases of globs are of its own code: on a server, where they are slow, soak."""
    for item in items:
        if "_glob_edge_cases[s3-" in item.name:
            item.add_marker(pytest.mark.soak)
        if item.name in EMPTIED:
            reason = "SeaweedFS 4.48 lists a folder for some time after its last object is gone"
            item.add_marker(pytest.mark.xfail(reason=reason, raises=EITHER))


def needed(name: str) -> ModuleType:
    """Import a library that tests are for: where it is missing they are skipped, in CI they fail."""
    if servers_required():
        return importlib.import_module(name)
    found: ModuleType = pytest.importorskip(name, reason=f"{name} isn't installed")
    return found


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    with running_with_bucket(moto_server, "ecosystem") as server:
        yield server


@pytest.fixture(scope="session", params=PLACES)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where the bucket is, and the settings for it."""
    if request.param == "local":
        yield at_folder(tmp_path_factory.mktemp("bucket"))
        return
    with at_server(request.getfixturevalue("moto")) as found:
        yield found


def at_folder(root: Path) -> tuple[str, dict[str, Any]]:
    """A bucket of plain files."""
    return "local", {"provider": "local", "path": str(root), "durability": "fast"}


@contextmanager
def at_server(server: S3Server) -> Iterator[tuple[str, dict[str, Any]]]:
    """The bucket of a server, whose credentials are in the environment meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        isolate(
            patch,
            AWS_ACCESS_KEY_ID=server.access_key,
            AWS_SECRET_ACCESS_KEY=server.secret_key,
        )
        yield (
            "s3",
            {
                "provider": "aws",
                "bucket": "ecosystem",
                "region": server.region,
                "endpoint": server.endpoint,
            },
        )


@pytest.fixture
def home(place: tuple[str, dict[str, Any]]) -> Iterator[Home]:
    """A folder of the profile's own bucket, reached as ``portable://``."""
    import fsspec

    from portable.integrations.fsspec import PortableFileSystem

    name, settings = place
    fsspec.register_implementation("portable", PortableFileSystem, clobber=True)
    portable.configure(storage=settings)
    yield Home(name, settings, fsspec.filesystem("portable"), uuid4().hex[:12])
    portable.configure()
