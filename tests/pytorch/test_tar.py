"""Tar shards: what is read of them, however they were made, and how they are written."""

from __future__ import annotations

import contextlib
import gzip
import io
import tarfile
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portable.errors import AlreadyExists, IntegrityError, InvalidArgument, InvalidType
from portable.storage import Bucket
from portable.testing.drivers import Watch
from portable.torch import Sample, tar_samples, write_shards


def tar(*files: tuple[str, bytes] | tarfile.TarInfo, format: int = tarfile.PAX_FORMAT) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=format) as archive:
        for file in files:
            header = file if isinstance(file, tarfile.TarInfo) else tarfile.TarInfo(file[0])
            content = b"" if isinstance(file, tarfile.TarInfo) else file[1]
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return target.getvalue()


def special(name: str, kind: bytes) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.type, header.linkname = kind, "/etc/passwd"
    return header


def read(data: bytes) -> list[Sample]:
    return list(tar_samples(io.BytesIO(data)))


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("compressed", [False, True])
def test_files_of_one_base_name_are_a_sample(format: int, compressed: bool) -> None:
    data = tar(
        ("d.1/a.png", b"A"), ("d.1/a.seg.png", b"S"), ("d.1/b.png", b""), ("b.png", b"B"),
        format=format,
    )  # fmt: skip
    assert read(gzip.compress(data) if compressed else data) == [
        {"__key__": "d.1/a", "png": b"A", "seg.png": b"S"},
        {"__key__": "d.1/b", "png": b""},
        {"__key__": "b", "png": b"B"},
    ]


def test_what_is_no_sample_is_passed_over_and_nothing_is_extracted() -> None:
    data = tar(
        special("folder", tarfile.DIRTYPE),
        special("a.link", tarfile.SYMTYPE),
        special("a.hard", tarfile.LNKTYPE),
        special("a.dev", tarfile.CHRTYPE),
        special("a.fifo", tarfile.FIFOTYPE),
        ("README", b"no suffix"),
        ("._a.png", b"what a Mac leaves"),
        (".hidden", b"no base name"),
    )
    assert read(data) == []


def test_names_that_lead_elsewhere_are_only_names() -> None:
    data = tar(("../../etc/a.png", b"1"), ("/abs/b.png", b"2"), ("./here/c.png", b"3"))
    assert [s["__key__"] for s in read(data)] == ["../../etc/a", "/abs/b", "here/c"]


def test_two_files_of_one_suffix_are_an_error() -> None:
    with pytest.raises(IntegrityError, match=r"'a'.*'png'"):
        read(tar(("a.png", b"1"), ("a.png", b"2")))


def test_a_sparse_file_is_refused() -> None:
    """Its header may stand for any number of zeros."""
    header = tarfile.TarInfo("a.bin")
    header.size = 0
    header.pax_headers = {
        "GNU.sparse.map": f"{2**40},0",
        "GNU.sparse.size": str(2**40),
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
    }
    with pytest.raises(IntegrityError, match="sparse"):
        read(tar(header))


WHOLE = tar(("a.png", b"x" * 700), ("a.cls", b"1"), ("b.png", b"y" * 700), ("b.cls", b"2"))


@pytest.mark.parametrize("size", [0, 1, 511, 512, 600, 1536, 2048, 2560, 4000, 5120])
def test_a_cut_shard_is_an_error_and_not_a_short_one(size: int) -> None:
    assert len(read(WHOLE)) == 2
    with pytest.raises(IntegrityError):
        read(WHOLE[:size])


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 7))
def test_a_flipped_bit_never_loses_a_sample_silently(position: int, bit: int) -> None:
    data = bytearray(WHOLE)
    data[position] ^= 1 << bit
    try:
        found = read(bytes(data))
    except IntegrityError:
        return
    # In content, the checksums below find it; in a header, tar's own does.
    assert [sample["__key__"] for sample in found] == ["a", "b"]


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=3000))
def test_nonsense_is_an_integrity_error(data: bytes) -> None:
    with contextlib.suppress(IntegrityError):
        read(data)


def test_samples_are_written_and_read_back(local: Bucket) -> None:
    samples: list[Mapping[str, Any]] = [
        {"__key__": f"dir.x/{number}", "bin": bytes([number]) * number, "txt": "ä", "cls": number}
        for number in range(30)
    ]
    written = write_shards(samples, local, "s/part-", max_bytes=20_000)
    assert [info.key for info in written] == [f"s/part-{n:06}.tar" for n in range(len(written))]
    assert len(written) > 1
    assert all(info.size <= 20_000 + 10240 for info in written)
    found = [sample for info in written for sample in read(local.get(info.key))]
    assert found == [
        {
            "__key__": s["__key__"],
            "bin": s["bin"],
            "txt": "ä".encode(),
            "cls": str(s["cls"]).encode(),
        }
        for s in samples
    ]


def test_no_samples_are_no_shards(local: Bucket) -> None:
    assert write_shards([], local, "s/") == []
    assert list(local.list()) == []


def test_a_sample_larger_than_a_shard_has_one_of_its_own(local: Bucket) -> None:
    samples = [{"bin": b"x" * size} for size in (10, 50_000, 10)]
    assert len(write_shards(samples, local, "s/", max_bytes=5_000)) == 3


def test_shards_are_not_mixed_with_older_ones(local: Bucket) -> None:
    write_shards([{"bin": b"1"}], local, "s/")
    with pytest.raises(AlreadyExists, match="delete_prefix"):
        write_shards([{"bin": b"2"}], local, "s/")


@pytest.mark.parametrize(
    ("sample", "error"),
    [
        ([], InvalidType),
        ({}, InvalidArgument),
        ({"__key__": "a.b", "bin": b""}, InvalidArgument),
        ({"__key__": "a//b", "bin": b""}, InvalidArgument),
        ({"__key__": 7, "bin": b""}, InvalidArgument),
        ({"a/b": b""}, InvalidArgument),
        ({"": b""}, InvalidArgument),
        ({"bin": 1.5}, InvalidType),
    ],
)
def test_a_sample_that_cannot_be_stored_publishes_no_part_of_its_shard(
    local: Bucket, sample: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        write_shards([{"bin": b"1"}, sample], local, "s/")
    assert list(local.list()) == []


def test_large_shards_are_streamed(local: Bucket) -> None:
    watch = Watch()
    samples = ({"bin": bytes(1024**2)} for _ in range(20))
    (info,) = write_shards(samples, watch.on(local), "s/")
    assert info.size > 20 * 1024**2
    assert watch.count("upload_part") >= 2
