"""An object's content, which both APIs give out alike."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from email.utils import format_datetime

from portable.testing.fakes.gcs.state import State, Stored, interval
from portable.testing.fakes.wire import Answer


def media(
    state: State,
    bucket: str,
    name: str,
    conditions: Mapping[str, str],
    headers: Mapping[str, str],
) -> Answer:
    """Give an object, or the range of it that *headers* ask for."""
    with state.lock:
        stored = state.object(bucket, name, conditions)
    about = described(stored)
    data = memoryview(stored.data)
    if stored.about.content_encoding == "gzip" and "gzip" not in headers.get("accept-encoding", ""):
        # https://cloud.google.com/storage/docs/transcoding#decompressive_transcoding
        del about["Content-Encoding"]
        return Answer(200, {**about, "Warning": "214 gunzipped"}, gzip.decompress(stored.data))
    if "range" in headers:
        wanted = interval(headers["range"], len(data))
        if wanted is not None:
            start, end = wanted
            about["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
            return Answer(206, about, data[start:end])
    return Answer(200, about, data)


def described(stored: Stored) -> dict[str, str]:
    """What the headers say of an object."""
    hashes = f"crc32c={stored.crc32c}"
    if stored.has_md5:
        hashes += f",md5={stored.md5}"
    about = {
        "Content-Type": stored.about.content_type,
        "ETag": f'"{stored.etag}"',
        "Last-Modified": format_datetime(stored.created, usegmt=True),
        "x-goog-generation": str(stored.generation),
        "x-goog-metageneration": str(stored.metageneration),
        "x-goog-hash": hashes,
        "x-goog-storage-class": stored.about.storage_class,
        "x-goog-stored-content-encoding": stored.about.content_encoding or "identity",
        "x-goog-stored-content-length": str(len(stored.data)),
    }
    if stored.about.content_encoding:
        about["Content-Encoding"] = stored.about.content_encoding
    for key, text in stored.about.metadata.items():
        about[f"x-goog-meta-{key}"] = text
    return about
