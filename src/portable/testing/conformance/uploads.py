"""Multipart uploads that nobody finished."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portable.errors import InvalidType
from portable.storage import Bucket
from portable.storage.driver import WriteOptions
from portable.testing.conformance.base import LARGE, Cases, Raw, content
from portable.testing.conformance.quirks import quirk
from portable.testing.drivers import Watch


def _begin(bucket: Bucket, raw: Raw, key: str) -> None:
    """Leave an upload, by another tool where there can be one."""
    if not raw.harness.oracle.begin_upload(raw.prefix + key):
        write = WriteOptions(content_type="x/y", metadata={})
        bucket._connection.driver.begin(raw.prefix + key, write)


class UploadCases(Cases):
    """`Bucket.abort_stale_uploads`, and what a large put sends."""

    @quirk("no_multipart")
    def test_stale_uploads_are_dropped(self, bucket: Bucket, raw: Raw) -> None:
        """Whoever began them; objects stay, and a second call finds nothing."""
        bucket.put("a/key", b"x")
        for key in ("a/key", "a/key", "b"):
            _begin(bucket, raw, key)
        assert bucket.abort_stale_uploads(older_than=timedelta(0)) == 3
        assert bucket.abort_stale_uploads(older_than=0) == 0
        assert raw.open_uploads() == 0
        assert raw.keys() == {"a/key"}
        assert bucket.get("a/key") == b"x"

    @quirk("no_multipart")
    @quirk("uploads_undated")
    def test_uploads_under_way_are_kept(self, bucket: Bucket, raw: Raw) -> None:
        """Those younger than the age given; a day unless given."""
        _begin(bucket, raw, "key")
        assert bucket.abort_stale_uploads(older_than=3600) == 0
        assert bucket.abort_stale_uploads() == 0
        assert bucket.abort_stale_uploads(older_than=0) == 1

    def test_uploads_outside_the_prefix_are_kept(self, bucket: Bucket, raw: Raw) -> None:
        """They are another team's."""
        if not raw.prefix or not raw.harness.oracle.begin_upload("team-ab/theirs"):
            pytest.skip("there is nothing outside, or nobody else can begin an upload here")
        _begin(bucket, raw, "ours")
        assert bucket.abort_stale_uploads(older_than=0) == 1
        assert raw.open_uploads() == 1
        everything = raw.harness.open_bucket("")
        assert everything.abort_stale_uploads(older_than=0) == 1

    def test_age_is_a_duration(self, bucket: Bucket) -> None:
        """Nothing else."""
        with pytest.raises(InvalidType, match="older_than") as caught:
            bucket.abort_stale_uploads(older_than="1d")  # type: ignore[arg-type]
        assert caught.value.operation == "abort_stale_uploads"

    @quirk("no_multipart")
    def test_large_put_is_committed_once(self, bucket: Bucket, raw: Raw) -> None:
        """Begun once, its parts sent once each, committed last."""
        watch = Watch()
        watched = watch.on(bucket)
        watched.put("key", content(LARGE))
        watched.close()
        assert (watch.calls[0], watch.calls[-1]) == ("begin", "commit")
        assert watch.calls[1:-1] == ["upload_part"] * 3
        assert raw.read("key") == content(LARGE)

    def test_large_put_over_a_large_object_replaces_all_of_it(
        self, bucket: Bucket, raw: Raw
    ) -> None:
        """No part of the old one stays."""
        bucket.put("key", content(LARGE))
        shorter = content(LARGE - 12_345, 1)
        bucket.put("key", shorter)
        assert raw.read("key") == shorter
        bucket.put("key", b"short")
        assert raw.read("key") == b"short"
