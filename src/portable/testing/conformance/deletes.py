"""Deleting: idempotent, exact, and honest about what remains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from portable.errors import (
    InvalidArgument,
    InvalidKey,
    InvalidType,
    NotFound,
    PermissionDenied,
    PortableError,
)
from portable.storage import Bucket
from portable.storage.around import DriverAround
from portable.testing.conformance.base import Cases, Raw
from portable.testing.drivers import Watch, around


class _Stubborn(DriverAround):
    """Keeps every object whose key ends in ``kept``."""

    def delete(
        self, keys: Sequence[str], *, if_match: str | None = None
    ) -> Mapping[str, PortableError]:
        kept = [key for key in keys if key.endswith("kept")]
        gone = [key for key in keys if key not in kept]
        errors = dict(self.inner.delete(gone, if_match=if_match)) if gone else {}
        return errors | {key: PermissionDenied("it is locked") for key in kept}


class DeleteCases(Cases):
    """`Bucket.delete`, `delete_many` and `delete_prefix`."""

    def test_delete_removes_that_object_only(self, bucket: Bucket, raw: Raw) -> None:
        """Not those whose keys begin with its key, nor those in a folder of its name."""
        for key in ("a", "a.txt", "ab", "b/a"):
            bucket.put(key, b"x")
        if bucket.capabilities.nested_keys:
            bucket.put("a/b", b"x")
        before = raw.keys()
        bucket.delete("a")
        assert raw.keys() == before - {"a"}
        with pytest.raises(NotFound):
            bucket.get("a")

    def test_delete_of_a_missing_object_does_nothing(self, bucket: Bucket, raw: Raw) -> None:
        """S3's rule, on every provider: a retried clean-up needs no special case."""
        bucket.put("key", b"x")
        for missing in ("nope", "key/below", "ke", "nope/"):
            bucket.delete(missing)
        bucket.delete("key")
        bucket.delete("key")
        assert raw.keys() == set()

    def test_delete_of_a_missing_object_can_be_an_error(self, bucket: Bucket) -> None:
        """With ``missing_ok=False``."""
        bucket.put("key", b"x")
        bucket.delete("key", missing_ok=False)
        with pytest.raises(NotFound) as caught:
            bucket.delete("key", missing_ok=False)
        assert caught.value.resource == f"{bucket.url}/key"
        assert caught.value.operation == "delete"

    def test_delete_that_is_refused_is_an_error(self, bucket: Bucket, raw: Raw) -> None:
        """The object is still there."""
        bucket.put("kept", b"x")
        with pytest.raises(PermissionDenied, match="locked") as caught:
            around(bucket, _Stubborn).delete("kept")
        assert caught.value.resource == f"{bucket.url}/kept"
        assert raw.keys() == {"kept"}

    def test_delete_many_removes_all(self, bucket: Bucket, raw: Raw) -> None:
        """From any iterable, missing ones and repeated ones included."""
        for number in range(7):
            bucket.put(f"d/{number}", b"x")
        bucket.put("other", b"x")
        report = bucket.delete_many(f"d/{number}" for number in range(9))
        assert (report.deleted, report.ok, dict(report.errors)) == (9, True, {})
        report.raise_for_errors()
        assert raw.keys() == {"other"}
        bucket.delete_many(["other", "other"])
        assert raw.keys() == set()
        assert bucket.delete_many([]).deleted == 0

    def test_delete_many_sends_batches(self, bucket: Bucket, raw: Raw) -> None:
        """As many keys in one request as the provider takes."""
        for number in range(5):
            bucket.put(f"{number}", b"x")
        most = min(2, bucket.capabilities.delete_max)
        watch = Watch(capabilities={"delete_max": most})
        assert watch.on(bucket).delete_many([f"{number}" for number in range(5)]).deleted == 5
        assert watch.count("delete") == -(-5 // most)
        assert raw.keys() == set()

    def test_delete_many_reports_what_remains(self, bucket: Bucket, raw: Raw) -> None:
        """One failure doesn't stop the rest, and the report names the key below the prefix."""
        for key in ("a", "b/kept", "c"):
            bucket.put(key, b"x")
        report = around(bucket, _Stubborn).delete_many(["a", "b/kept", "c"])
        assert (report.deleted, report.ok) == (2, False)
        assert list(report.errors) == ["b/kept"]
        error = report.errors["b/kept"]
        assert error.operation == "delete_many"
        assert (error.provider, error.resource) == (bucket.provider, f"{bucket.url}/b/kept")
        with pytest.raises(PermissionDenied, match="locked"):
            report.raise_for_errors()
        assert raw.keys() == {"b/kept"}

    def test_delete_many_refuses_a_single_key(self, bucket: Bucket, raw: Raw) -> None:
        """A `str` is an iterable of `str`, and was never meant so."""
        for key in ("a", "b", "ab"):
            bucket.put(key, b"x")
        with pytest.raises(InvalidType, match="use delete"):
            bucket.delete_many("ab")
        with pytest.raises(InvalidKey, match="empty"):
            bucket.delete_many(["", "a"])
        assert raw.keys() == {"a", "b", "ab"}

    def test_delete_prefix_is_plain_text(self, bucket: Bucket, raw: Raw) -> None:
        """It ends anywhere in a key, as in `list`."""
        for key in ("run-1/a", "run-1/b/c", "run-10/a", "run", "other"):
            bucket.put(key, b"x")
        assert bucket.delete_prefix("run-1/").deleted == 2
        assert raw.keys() == {"run-10/a", "run", "other"}
        assert bucket.delete_prefix("nothing").deleted == 0
        assert bucket.delete_prefix("run").deleted == 2
        assert raw.keys() == {"other"}

    def test_delete_prefix_refuses_to_empty_the_bucket(self, bucket: Bucket, raw: Raw) -> None:
        """By accident, with an empty variable."""
        bucket.put("key", b"x")
        with pytest.raises(InvalidArgument, match="every object") as caught:
            bucket.delete_prefix("")
        assert caught.value.operation == "delete_prefix"
        assert raw.keys() == {"key"}
