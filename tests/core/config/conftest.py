"""A folder, an environment and adapters of this test's own."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, NoReturn

import pytest

from portable import discovery
from portable.adapter import Adapter, Scheme, StorageService, StorageSettings
from portable.config import configure

CREDENTIALS = "run `nimbus login`."


@dataclass(frozen=True, slots=True, kw_only=True)
class NimbusSettings(StorageSettings):
    code_only: ClassVar[frozenset[str]] = frozenset({"trusting"})

    bucket: str
    region: str | None = None
    endpoint: str | None = None
    retries: int = 3
    tier: Literal["hot", "cold"] = "hot"
    public: bool = False
    trusting: bool = False

    @property
    def url(self) -> str:
        return f"nim://{self.bucket}/{self.prefix}".rstrip("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings(StorageSettings):
    paths: ClassVar[frozenset[str]] = frozenset({"path"})

    path: str = ".portable/storage"

    @property
    def url(self) -> str:
        return f"file://{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySettings(StorageSettings):
    name: str = "default"

    @property
    def url(self) -> str:
        return f"memory://{self.name}"


def _adapter(
    name: str, settings: type[StorageSettings], scheme: Scheme, credentials: str = ""
) -> Adapter:
    def connect(settings: StorageSettings) -> NoReturn:
        raise AssertionError("configuring connects to nothing")

    service = StorageService(settings=settings, schemes=(scheme,), connect=connect)
    return Adapter(name=name, storage=service, credentials=credentials)


ADAPTERS = [
    _adapter(
        "nimbus", NimbusSettings, Scheme(name="nim", host="bucket", path="prefix"), CREDENTIALS
    ),
    _adapter("local", LocalSettings, Scheme(name="file", host=None, path="path")),
    _adapter("memory", MemorySettings, Scheme(name="memory", host="name", path="prefix")),
    Adapter(name="bare"),
]


@dataclass(frozen=True)
class Point:
    """As much of an entry point as discovery needs."""

    adapter: Adapter
    value: str = "tests:ADAPTER"
    dist: None = None

    @property
    def name(self) -> str:
        return self.adapter.name

    def load(self) -> Adapter:
        return self.adapter


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory: empty, with nothing configured anywhere."""
    for name in os.environ:
        if name.startswith("PORTABLE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(discovery, "_entry_points", lambda: tuple(map(Point, ADAPTERS)))
    monkeypatch.setattr(discovery, "_adapters", {})
    monkeypatch.setattr(discovery, "_schemes", {})
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    yield work
    configure()


@pytest.fixture
def write(folder: Path) -> Callable[[str], Path]:
    """Write the working directory's file."""

    def to_file(text: str) -> Path:
        path = folder / "portable.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return to_file
