"""fsspec's own suite for file systems, on a folder and on SeaweedFS, whose folders are real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from portable.testing.servers import running_with_bucket, seaweedfs
from tests.ecosystem.conftest import Home, at_folder, at_server, needed

needed("fsspec")

from fsspec.tests import abstract

from portable.integrations.fsspec import PortableFileSystem


@pytest.fixture(
    scope="module",
    params=["local", pytest.param("s3", marks=pytest.mark.xdist_group("ecosystem-seaweedfs"))],
)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where the bucket is, and the settings for it."""
    if request.param == "local":
        yield at_folder(tmp_path_factory.mktemp("bucket"))
        return
    with running_with_bucket(seaweedfs, "ecosystem") as server, at_server(server) as found:
        yield found


class Fixtures(abstract.AbstractFixtures):  # type: ignore[misc]
    """What the suite asks of a file system's author."""

    @pytest.fixture
    def fs(self, home: Home) -> PortableFileSystem:
        return home.fs

    @pytest.fixture
    def fs_path(self, home: Home) -> str:
        return home.path

    @pytest.fixture
    def fs_join(self) -> Callable[..., str]:
        return lambda *parts: "/".join(parts)

    @pytest.fixture
    def supports_empty_directories(self) -> bool:
        return False


class TestCopy(abstract.AbstractCopyTests, Fixtures):  # type: ignore[misc]
    """Between paths of one file system."""


class TestGet(abstract.AbstractGetTests, Fixtures):  # type: ignore[misc]
    """To local files."""


class TestPut(abstract.AbstractPutTests, Fixtures):  # type: ignore[misc]
    """From local files."""


class TestOpen(abstract.AbstractOpenTests, Fixtures):  # type: ignore[misc]
    """Modes."""


class TestPipe(abstract.AbstractPipeTests, Fixtures):  # type: ignore[misc]
    """Modes."""
