"""fsspec's own suite for file systems."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.ecosystem.conftest import Home, needed

needed("fsspec")

from fsspec.tests import abstract

from portable.integrations.fsspec import PortableFileSystem


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
