"""zarr's own suite for stores, through its `FsspecStore`."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import pytest_asyncio

from tests.ecosystem.conftest import Home, needed

needed("zarr")

from zarr.core.buffer import Buffer, cpu
from zarr.storage import FsspecStore
from zarr.testing.store import StoreTests

# The suite leaves it to its own project's settings that coroutines are run.
for _name, _test in inspect.getmembers(StoreTests, inspect.iscoroutinefunction):
    if _name.startswith("test_"):
        pytest.mark.asyncio(_test)


class TestStore(StoreTests[FsspecStore, cpu.Buffer]):
    """In a folder of the bucket."""

    store_cls = FsspecStore
    buffer_cls = cpu.Buffer

    @pytest.fixture
    def store_kwargs(self, home: Home) -> dict[str, Any]:
        made = FsspecStore.from_url(home.url)
        return {"fs": made.fs, "path": made.path}

    @pytest_asyncio.fixture
    async def store(self, open_kwargs: dict[str, Any]) -> FsspecStore:
        return await self.store_cls.open(**open_kwargs)

    @pytest_asyncio.fixture
    async def store_not_open(self, store_kwargs: dict[str, Any]) -> FsspecStore:
        return self.store_cls(**store_kwargs)

    async def set(self, store: FsspecStore, key: str, value: Buffer) -> None:
        store.fs.sync_fs._place("").bucket.put(f"{store.path}/{key}", value.to_bytes())

    async def get(self, store: FsspecStore, key: str) -> Buffer:
        found = store.fs.sync_fs._place("").bucket.get(f"{store.path}/{key}")
        return self.buffer_cls.from_bytes(found)

    def test_store_repr(self, store: FsspecStore) -> None:
        assert str(store) == f"<FsspecStore(AsyncFileSystemWrapper, {store.path})>"

    def test_store_supports_writes(self, store: FsspecStore) -> None:
        assert store.supports_writes

    def test_store_supports_listing(self, store: FsspecStore) -> None:
        assert store.supports_listing
