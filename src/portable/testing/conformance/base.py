"""What every case is given: a bucket, at the root and below a prefix, and the oracle's view of it."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import pytest

from portable.storage import Bucket
from portable.testing.conformance.quirks import QUIRKS, expect_known_faults
from portable.testing.harness import Harness

MIB = 1024**2
PART = 8 * MIB  # what is larger goes in parts
LARGE = 17 * MIB  # three parts
PREFIX = "team-a"
# A driver that ignores its prefix, cuts it short, or takes a folder for a prefix meets these.
NEIGHBOURS: Mapping[str, bytes] = {
    "team-a.txt": b"begins like the prefix",
    "team-ab/key": b"begins like the prefix, too",
    "key": b"has a name that cases use",
}


# For a case that takes seconds, and for which a prefix is one more thing to get wrong and no less.
slow = pytest.mark.portable_slow


@lru_cache(maxsize=8)
def content(size: int, seed: int = 0) -> bytes:
    """The same *size* bytes each time; no two blocks of them are alike."""
    return random.Random(f"{size} {seed}").randbytes(size)


def crc32_of(data: bytes) -> str:
    """The value of `ObjectInfo.checksum`."""
    return f"{zlib.crc32(data):08x}"


@dataclass(frozen=True)
class Raw:
    """The oracle's view of what is below the bucket's prefix."""

    harness: Harness
    prefix: str

    def read(self, key: str) -> bytes:
        """The stored bytes."""
        return self.harness.oracle.read(self.prefix + key)

    def write(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Store an object as another tool would."""
        self.harness.oracle.write(
            self.prefix + key, data, content_type=content_type, metadata=metadata
        )

    def keys(self) -> set[str]:
        """The keys below the prefix."""
        everything = self.harness.oracle.keys()
        return {key.removeprefix(self.prefix) for key in everything if key.startswith(self.prefix)}

    def metadata(self, key: str) -> Mapping[str, str]:
        """As the provider stores it."""
        return self.harness.oracle.metadata(self.prefix + key)

    def open_uploads(self) -> int:
        """In the whole bucket."""
        return self.harness.oracle.open_uploads()

    def damage(self, key: str) -> bool:
        """Change one stored byte; False where that can't be done."""
        return self.harness.oracle.damage(self.prefix + key)


class Cases:
    """Fixtures of every topic. A subclass of the suite brings `harness`.

    Attributes:
        root: Run each case at the root of the bucket, too? It costs twice the time; off, each
            runs below a prefix only. For a driver that has passed at the root of another server.
            Cases that are `slow` never run there.
    """

    root: ClassVar[bool] = True

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run cases that look at a bucket at each place of it."""
        if "raw" in metafunc.fixturenames:
            places = {"root": "", "prefix": PREFIX}
            if not self.root or metafunc.definition.get_closest_marker("portable_slow"):
                del places["root"]
            metafunc.parametrize("raw", places.values(), ids=places, indirect=True)

    @pytest.fixture(autouse=True)
    def _known_faults(self, request: pytest.FixtureRequest, harness: Harness) -> None:
        """Expect the cases to fail that a stand-in is known to fail, and notice when they don't."""
        expect_known_faults(request, harness.quirks, QUIRKS)

    @pytest.fixture
    def raw(self, request: pytest.FixtureRequest, harness: Harness) -> Iterator[Raw]:
        """The oracle's view; afterwards, whatever is outside the prefix has to be as it was."""
        if not request.param:
            yield Raw(harness, "")
            return
        for key, data in NEIGHBOURS.items():
            harness.oracle.write(key, data)
        yield Raw(harness, f"{request.param}/")
        everything = harness.oracle.keys()
        outside = {key for key in everything if not key.startswith(f"{request.param}/")}
        assert outside == set(NEIGHBOURS), "keys outside the bucket's prefix"
        for key, data in NEIGHBOURS.items():
            assert harness.oracle.read(key) == data, f"{key!r} is outside the bucket's prefix"

    @pytest.fixture
    def bucket(self, harness: Harness, raw: Raw) -> Iterator[Bucket]:
        """The bucket under test, empty."""
        bucket = harness.open_bucket(raw.prefix.rstrip("/"))
        yield bucket
        bucket.close()

    @pytest.fixture
    def twin(self, harness: Harness, raw: Raw) -> Iterator[Bucket]:
        """The same objects through another `Bucket`."""
        bucket = harness.open_bucket(raw.prefix.rstrip("/"))
        yield bucket
        bucket.close()
