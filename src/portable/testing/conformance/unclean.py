"""Ways in which a writer comes to an end that isn't a clean close."""

from __future__ import annotations

import bz2
import gzip
import zipfile
from typing import Any

from portable.storage import Bucket


class Interrupted(Exception):
    """What goes wrong in these cases."""


def _raise_in_with(bucket: Bucket, data: bytes) -> None:
    with bucket.open("key", "wb") as file:
        file.write(data)
        raise Interrupted


def _raise_in_text(bucket: Bucket, data: bytes) -> None:
    with bucket.open("key", "wt") as file:
        file.write(data.hex())
        raise Interrupted


def _raise_in_gzip(bucket: Bucket, data: bytes) -> None:
    with bucket.open("key", "wb") as raw, gzip.open(raw, "wb", compresslevel=0) as file:
        file.write(data)
        raise Interrupted


def _raise_in_gzip_alone(bucket: Bucket, data: bytes) -> None:
    with gzip.open(bucket.open("key", "wb"), "wb", compresslevel=0) as file:
        file.write(data)
        raise Interrupted


def _raise_in_bz2(bucket: Bucket, data: bytes) -> None:
    with bucket.open("key", "wb") as raw, bz2.open(raw, "wb", compresslevel=1) as file:
        file.write(data[: 100_000 + len(data) // 20])
        raise Interrupted


def _raise_in_zip(bucket: Bucket, data: bytes) -> None:
    with bucket.open("key", "wb") as raw, zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("name", data)
        raise Interrupted


def _raise_in_gzip_text(bucket: Bucket, data: bytes) -> None:
    with bucket.open("key", "wb") as raw, gzip.open(raw, "wt", compresslevel=0) as file:
        file.write(data.hex())
        raise Interrupted


def _interrupt(bucket: Bucket, data: bytes) -> None:
    try:
        with bucket.open("key", "wb") as file:
            file.write(data)
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        raise Interrupted from None


def _abort(bucket: Bucket, data: bytes) -> None:
    with bucket.open("key", "wb") as file:
        file.write(data)
        file.abort()
    raise Interrupted


def _abort_text(bucket: Bucket, data: bytes) -> None:
    with bucket.open("key", "wt") as file:
        file.write(data.hex())
        file.abort()
    raise Interrupted


def _forget(bucket: Bucket, data: bytes) -> None:
    bucket.open("key", "wb").write(data)
    file = bucket.open("key", "wb")
    file.write(data)
    del file
    raise Interrupted


def _forget_text(bucket: Bucket, data: bytes) -> None:
    file = bucket.open("key", "wt")
    file.write(data.hex())
    del file
    raise Interrupted


def _close_generator(bucket: Bucket, data: bytes) -> None:
    def writing() -> Any:
        with bucket.open("key", "wb") as file:
            file.write(data)
            yield

    running = writing()
    next(running)
    running.close()
    raise Interrupted


UNCLEAN = [
    _raise_in_with,
    _raise_in_text,
    _raise_in_gzip,
    _raise_in_gzip_alone,
    _raise_in_gzip_text,
    _raise_in_bz2,
    _raise_in_zip,
    _interrupt,
    _abort,
    _abort_text,
    _forget,
    _forget_text,
    _close_generator,
]
