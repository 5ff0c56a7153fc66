"""The content type that a key's ending tells."""

from __future__ import annotations

import mimetypes

import pytest

from portable.storage.content_types import guess


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("a/b.json", "application/json"),
        ("a.PNG", "image/png"),
        ("a.parquet", "application/vnd.apache.parquet"),
        ("a.jsonl", "application/x-ndjson"),
        ("model.pt", "application/octet-stream"),
        ("no-ending", "application/octet-stream"),
        ("a.b/c", "application/octet-stream"),
        ("data:text/html,x", "application/octet-stream"),
        ("notes.md", "text/markdown"),
    ],
)
def test_the_ending_tells_the_type(key: str, kind: str) -> None:
    """Of the last segment."""
    assert guess(key) == kind


@pytest.mark.parametrize("key", ["a.tar.gz", "a.json.gz", "a.gz"])
def test_a_packed_file_is_what_it_is_packed_as(key: str) -> None:
    """Bytes are stored as they are, so nothing may unpack them on the way."""
    assert guess(key) == "application/gzip"


def test_the_machine_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """A type added to the process's own list changes nothing."""
    monkeypatch.setattr(mimetypes, "types_map", {".pt": "chemical/x-odd"})
    assert guess("model.pt") == "application/octet-stream"
