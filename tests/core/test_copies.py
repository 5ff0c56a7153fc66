"""Copying and moving while others write."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Mapping, Sequence

import pytest

import portable
from portable.errors import InvalidType, ObjectChanged, PortableError
from portable.storage import Bucket
from portable.storage.around import DriverAround
from portable.storage.driver import WriteOptions
from portable_memory.settings import MemorySettings
from portable_memory.storage import MemoryStorage


class WrittenBeforeDelete(DriverAround):
    """Another writer stores something new at the last moment before a delete."""

    def delete(
        self, keys: Sequence[str], *, if_match: str | None = None
    ) -> Mapping[str, PortableError]:
        write = WriteOptions(content_type="text/plain", metadata={})
        self.inner.put(keys[0], b"newer", zlib.crc32(b"newer"), write)
        return self.inner.delete(keys, if_match=if_match)


def test_a_copy_goes_to_a_bucket_and_to_no_name_of_one() -> None:
    bucket = portable.open_bucket("memory://here")
    with pytest.raises(InvalidType, match=r"to is a bucket, as .* gives it, not str"):
        bucket.copy("a", "b", to="memory://there")  # type: ignore[arg-type]


def test_a_move_never_removes_what_it_did_not_copy() -> None:
    """Even when the source is replaced between the copy and the delete."""
    settings = MemorySettings(name=uuid.uuid4().hex)
    bucket = Bucket(
        lambda: WrittenBeforeDelete(MemoryStorage(settings)), settings, provider="memory"
    )
    bucket.put("source", b"older")
    with pytest.raises(ObjectChanged, match="both are kept") as caught:
        bucket.move("source", "target")
    assert caught.value.operation == "move"
    assert (bucket.get("source"), bucket.get("target")) == (b"newer", b"older")
