"""What a bucket says of itself."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import timedelta

import pytest

from portable.errors import InvalidArgument
from portable.storage import Bucket
from portable.storage.metadata import read_stamp
from portable.testing.conformance.base import LARGE, MIB, Cases, Raw, content, crc32_of
from portable.testing.conformance.quirks import quirk
from portable.testing.drivers import Watch
from portable.testing.harness import Harness


class CapabilityCases(Cases):
    """`Bucket.capabilities`, `url`, `native`, `close`, and the prefix."""

    @quirk("no_multipart")
    def test_capabilities_make_sense(self, bucket: Bucket) -> None:
        """They are constant, and their limits allow for what the core does."""
        able = bucket.capabilities
        assert able == bucket.capabilities
        with pytest.raises((FrozenInstanceError, AttributeError)):
            able.put_if_absent = False  # type: ignore[misc]
        assert 1 <= able.part_min <= 8 * MIB <= able.part_max
        assert able.put_max >= 8 * MIB
        assert able.parts_max >= 1000
        assert able.delete_max >= 1
        assert able.checksum in ("native", "metadata")
        assert able.sign_max is None or able.sign_max >= timedelta(hours=1)

    @pytest.mark.parametrize("size", [0, 9, LARGE])
    def test_checksum_goes_with_every_object(self, bucket: Bucket, raw: Raw, size: int) -> None:
        """In the entry that `portable` adds; that of several parts where the capability says."""
        bucket.put("key", content(size))
        stamp = read_stamp({name.lower(): text for name, text in raw.metadata("key").items()})
        assert stamp is not None
        in_metadata = bucket.capabilities.checksum == "metadata"
        assert (stamp.crc32 is not None) == (size < LARGE or in_metadata)
        checksum = bucket.stat("key").checksum
        assert checksum is not None
        assert checksum.value == crc32_of(content(size))

    @quirk("no_multipart")
    def test_object_of_more_parts_than_fit_is_refused(self, bucket: Bucket, raw: Raw) -> None:
        """Before it is sent where its size is known, and with nothing left where it isn't."""
        watch = Watch(capabilities={"parts_max": 2, "part_max": 8 * MIB})
        watched = watch.on(bucket)
        with pytest.raises(InvalidArgument, match="more than one object can hold"):
            watched.put("key", content(LARGE))
        assert watch.calls == []
        with pytest.raises(InvalidArgument, match="parts"):
            watched.put("key", (content(LARGE)[at : at + MIB] for at in range(0, LARGE, MIB)))
        watched.close()
        assert raw.keys() == set()
        assert raw.open_uploads() == 0

    def test_url_names_the_bucket_and_prefix(self, bucket: Bucket, raw: Raw) -> None:
        """And `repr` shows it."""
        assert bucket.url.endswith(raw.prefix.rstrip("/"))
        assert "://" in bucket.url
        assert bucket.url in repr(bucket)
        assert bucket.provider
        assert bucket.native is not None

    def test_closed_bucket_opens_again(self, bucket: Bucket, raw: Raw) -> None:
        """`close` gives connections back and loses nothing."""
        bucket.put("key", content(LARGE))
        bucket.close()
        bucket.close()
        assert bucket.get("key") == content(LARGE)
        assert raw.keys() == {"key"}

    @pytest.mark.parametrize("prefix", ["deep/er/prefix", "/slashes/", "spa ce/é"])
    def test_any_prefix_hides_what_is_outside(self, harness: Harness, prefix: str) -> None:
        """Its own slashes at the ends don't count."""
        below = prefix.strip("/")
        harness.oracle.write("outside", b"x")
        bucket = harness.open_bucket(prefix)
        bucket.put("a/key", b"y")
        assert harness.oracle.keys() == {"outside", f"{below}/a/key"}
        assert [info.key for info in bucket.list()] == ["a/key"]
        assert bucket.listdir().prefixes == ["a/"]
        assert not bucket.exists("outside")
        bucket.copy("a/key", "b")
        bucket.move("b", "c")
        bucket.delete_prefix("a")
        assert harness.oracle.keys() == {"outside", f"{below}/c"}
        bucket.close()
