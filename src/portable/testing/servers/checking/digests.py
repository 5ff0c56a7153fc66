"""The digests that S3 knows, and CRC-32 of a whole from those of its parts."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache

try:
    from awscrt import checksums as native  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    native = None

CRC32C_POLYNOMIAL = 0x82F63B78  # Castagnoli, reflected
CRC64NVME_POLYNOMIAL = 0x9A6C9329AC4BC9B5  # NVM Express, reflected
CRC32_POLYNOMIAL = 0xEDB88320  # zlib's, reflected


def crc32(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "big")


def crc32c(data: bytes) -> bytes:
    value = native.crc32c(data) if native else _crc(data, CRC32C_POLYNOMIAL, 32)
    return int(value).to_bytes(4, "big")


def crc64nvme(data: bytes) -> bytes:
    value = native.crc64nvme(data) if native else _crc(data, CRC64NVME_POLYNOMIAL, 64)
    return int(value).to_bytes(8, "big")


def _hash(name: str) -> Callable[[bytes], bytes]:
    return lambda data: hashlib.new(name, data, usedforsecurity=False).digest()


DIGESTS: Mapping[str, Callable[[bytes], bytes]] = {
    "crc32": crc32,
    "crc32c": crc32c,
    "crc64nvme": crc64nvme,
    "sha1": _hash("sha1"),
    "sha256": _hash("sha256"),
    "md5": _hash("md5"),
}


def encoded(digest: bytes) -> str:
    """As it is written in headers and XML."""
    return base64.b64encode(digest).decode()


def _crc(data: bytes, polynomial: int, bits: int) -> int:
    table = _table(polynomial)
    ones = (1 << bits) - 1
    value = ones
    for byte in data:
        value = (value >> 8) ^ table[(value ^ byte) & 255]
    return value ^ ones


@cache
def _table(polynomial: int) -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (polynomial if value & 1 else 0)
        table.append(value)
    return table


def combine_crc32(first: int, second: int, second_size: int) -> int:
    """Return the CRC-32 of two runs of bytes, one after the other, from the CRC-32 of each.

    Appending n zero bytes is a linear map on the CRC's bits. It is held as a matrix, as the 32
    columns that single bits map to, and squared to double n, as in zlib's crc32_combine.
    """
    zeros = [CRC32_POLYNOMIAL, *(1 << bit for bit in range(31))]  # one zero bit
    for _ in range(3):
        zeros = _squared(zeros)  # eight: one zero byte
    while second_size:
        if second_size & 1:
            first = _applied(zeros, first)
        zeros = _squared(zeros)
        second_size >>= 1
    return first ^ second


def _applied(matrix: Sequence[int], vector: int) -> int:
    result = 0
    for column in matrix:
        if vector & 1:
            result ^= column
        vector >>= 1
    return result


def _squared(matrix: Sequence[int]) -> list[int]:
    return [_applied(matrix, column) for column in matrix]
