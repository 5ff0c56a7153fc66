"""Samples out of a tar file, as WebDataset lays them out: files of one base name are one sample."""

from __future__ import annotations

import lzma
import re
import tarfile
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, Self

from portable.errors import IntegrityError

# ``a/b.seg.png`` is the field ``seg.png`` of the sample ``a/b``.
NAME = re.compile(r"((?:.*/)?[^./][^./]*)\.([^/]+)", re.DOTALL)

Sample = dict[str, Any]


def tar_samples(file: BinaryIO) -> Iterator[Sample]:
    """Read the samples of a tar file in order, in memory for one; compressed or not.

    Nothing is extracted to disk: of each regular file the content is read, anything else (a
    folder, a link, a device, a name without a suffix) is passed over.

    Returns:
        Dictionaries: ``"__key__"`` is the base name, every other key a suffix with its bytes.

    Raises:
        IntegrityError: this isn't a whole tar file, or a sample has two files of one suffix.
    """
    sample: Sample = {}
    try:
        with tarfile.open(fileobj=file, mode="r|*", tarinfo=_Member) as archive:
            while (member := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # it would remember every one
                found = NAME.fullmatch(member.name.removeprefix("./"))
                if not member.isreg() or found is None:
                    continue
                key, field = found.groups()
                if sample and sample["__key__"] != key:
                    yield sample
                    sample = {}
                if field in sample:
                    raise IntegrityError(f"the sample {key!r} has two files {field!r}")
                sample["__key__"] = key
                sample[field] = _content(archive, member)
    except (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError) as error:
        after = f"after the sample {sample['__key__']!r} began" if sample else "at its beginning"
        raise IntegrityError(f"this isn't a whole tar file: {error}, {after}") from error
    if sample:
        yield sample


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if member.issparse():  # a few bytes can stand for any number of zeros
        raise IntegrityError(f"the file {member.name!r} is sparse")
    opened = archive.extractfile(member)
    if opened is None:
        raise IntegrityError(f"the file {member.name!r} has no content")
    return opened.read()


class _Member(tarfile.TarInfo):
    """A header that has to be one: else `tarfile` takes a damaged one for the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if len(buf) == tarfile.BLOCKSIZE and not any(buf):
                raise  # the end, as it should be
            raise tarfile.ReadError(str(error) if buf else "its end is missing") from error
