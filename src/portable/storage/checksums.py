"""CRC-32 of pieces put together into the CRC-32 of the whole.

CRC-32 is zlib's: in the standard library, several gigabytes per second, and known to every
provider as a whole-object checksum that parts can be combined into.
"""

from __future__ import annotations

from functools import lru_cache

from portable.storage.types import Checksum

_POLYNOMIAL = 0xEDB88320
_ONE = 1 << 31  # polynomials are kept bit-reversed, as CRC-32 is


def as_checksum(crc32: int) -> Checksum:
    """The public form of a CRC-32."""
    return Checksum("crc32", f"{crc32:08x}")


def combine(first: int, second: int, second_size: int) -> int:
    """The CRC-32 of two pieces in a row, from theirs and the second one's size in bytes.

    Appending n bytes multiplies the first piece's polynomial by x^8n modulo the CRC's own.
    """
    return _multiply(_power_of_x(second_size * 8), first) ^ second


def _multiply(left: int, right: int) -> int:
    product, bit = 0, _ONE
    while bit and left:
        if left & bit:
            product ^= right
            left ^= bit
        bit >>= 1
        right = (right >> 1) ^ _POLYNOMIAL if right & 1 else right >> 1
    return product


@lru_cache(maxsize=64)
def _power_of_x(exponent: int) -> int:
    power, square = _ONE, _ONE >> 1
    while exponent:
        if exponent & 1:
            power = _multiply(square, power)
        square = _multiply(square, square)
        exponent >>= 1
    return power
