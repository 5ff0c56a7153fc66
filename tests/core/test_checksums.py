"""CRC-32 of pieces, combined."""

from __future__ import annotations

import zlib

from hypothesis import given
from hypothesis import strategies as st

from portable.storage.checksums import as_checksum, combine


@given(st.lists(st.binary(max_size=500), max_size=6))
def test_combined_pieces_have_the_checksum_of_the_whole(pieces: list[bytes]) -> None:
    """Whatever their sizes, empty ones included."""
    whole = 0
    for piece in pieces:
        whole = combine(whole, zlib.crc32(piece), len(piece))
    assert whole == zlib.crc32(b"".join(pieces))


def test_a_large_piece_is_combined_without_reading_it() -> None:
    """Five gigabytes of zeros would take a second to read."""
    zeros, crc32 = bytes(2**20), 0
    for _ in range(5 * 2**10):
        crc32 = zlib.crc32(zeros, crc32)
    assert combine(zlib.crc32(b"head"), crc32, 5 * 2**30) == _after_head(zeros)


def _after_head(zeros: bytes) -> int:
    crc32 = zlib.crc32(b"head")
    for _ in range(5 * 2**10):
        crc32 = zlib.crc32(zeros, crc32)
    return crc32


def test_a_checksum_is_shown_in_hexadecimal() -> None:
    """Eight digits, leading zeros kept."""
    assert as_checksum(0xAB).value == "000000ab"
    assert as_checksum(0xAB).algorithm == "crc32"
