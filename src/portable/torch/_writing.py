"""Writing shards that `ShardDataset`, and any reader of WebDataset's layout, reads."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from portable.errors import AlreadyExists, InvalidArgument, InvalidType
from portable.storage.bucket import Bucket
from portable.storage.types import ObjectInfo

MAX_BYTES = 256 * 1024**2

_File = tuple[str, bytes]


def write_shards(
    samples: Iterable[Mapping[str, object]],
    bucket: Bucket,
    prefix: str,
    *,
    max_bytes: int = MAX_BYTES,
) -> list[ObjectInfo]:
    """Store samples as tar files ``<prefix>000000.tar``, ``<prefix>000001.tar``, and so on.

    Each shard is there whole or not at all. To be read by many workers at once, there should be
    many more shards than workers: choose *max_bytes* so.

    Args:
        samples: Dictionaries: ``"__key__"`` names the sample (numbers unless given, no ``.`` in
            its last segment), every other key is a suffix such as ``"png"`` with bytes, or a
            `str` or `int`, stored as UTF-8 text.
        bucket: Where to.
        prefix: Of the keys; for a folder, end it with ``/``.
        max_bytes: Of a shard; a larger sample gets one of its own.

    Raises:
        AlreadyExists: there are shards at *prefix*, which would be mixed with these.
        InvalidArgument, InvalidType: a sample that can't be stored; the shards before are.
    """
    if type(max_bytes) is not int or max_bytes < 1:
        raise InvalidArgument(f"max_bytes is a number of bytes above 0, not {max_bytes!r}")
    for info in bucket.list(prefix, limit=1):
        raise AlreadyExists(
            f"there is {info.key!r} already; write to another prefix, or remove what is there "
            f"with bucket.delete_prefix({prefix!r})"
        )
    files = (_files(sample, number) for number, sample in enumerate(samples))
    written: list[ObjectInfo] = []
    first = next(files, None)
    while first is not None:
        with bucket.open(f"{prefix}{len(written):06}.tar", "wb") as target:
            first = _write(target, first, files, max_bytes)
        assert target.info is not None  # noqa: S101
        written.append(target.info)
    return written


def _write(
    target: io.BufferedIOBase, first: list[_File], rest: Iterator[list[_File]], max_bytes: int
) -> list[_File] | None:
    """Fill one shard; return the first sample of the next one, if there is one."""
    with tarfile.open(fileobj=target, mode="w|", bufsize=1024**2) as archive:
        for sample in chain([first], rest):
            size = sum(_size(file) for file in sample)
            if archive.offset and archive.offset + size > max_bytes:
                return sample
            for name, content in sample:
                header = tarfile.TarInfo(name)
                header.size = len(content)
                archive.addfile(header, io.BytesIO(content))
                archive.members = []  # type: ignore[attr-defined]  # it would remember every one
    return None


def _size(file: _File) -> int:
    """What a file takes: a header, and whole blocks."""
    return tarfile.BLOCKSIZE * (1 + -(-len(file[1]) // tarfile.BLOCKSIZE))


def _files(sample: Mapping[str, object], number: int) -> list[_File]:
    if not isinstance(sample, Mapping):
        raise InvalidType(f"sample {number} is a {type(sample).__name__}, not a dictionary")
    key = sample.get("__key__", f"{number:09}")
    segments = key.split("/") if isinstance(key, str) else []
    if not all(segments) or not segments or "." in segments[-1] or segments[0].startswith("."):
        raise InvalidArgument(
            f"the key {key!r} of sample {number} can't be told from a suffix: it is text "
            f"without '.' in its last segment, and no segment is empty"
        )
    files = [
        (f"{key}.{field}", _encoded(value, field, str(key)))
        for field, value in sample.items()
        if field != "__key__"
    ]
    if not files:
        raise InvalidArgument(f"the sample {key!r} has no content")
    return files


def _encoded(value: object, field: str, key: str) -> bytes:
    if not field or "/" in field or field.startswith("."):
        raise InvalidArgument(f"the field {field!r} of sample {key!r} is no suffix such as 'png'")
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return str(value).encode()
    raise InvalidType(
        f"the field {field!r} of sample {key!r} is a {type(value).__name__}; encode it as bytes"
    )
