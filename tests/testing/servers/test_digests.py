"""Digests that moto lacks."""

from __future__ import annotations

import random
import zlib

import pytest

from portable.testing.servers.checking import digests


class TestDigests:
    """Check values: https://reveng.sourceforge.io/crc-catalogue, of ``123456789``."""

    @pytest.mark.parametrize("native", [True, False])
    @pytest.mark.parametrize(
        ("name", "expected"),
        [("crc32", "cbf43926"), ("crc32c", "e3069283"), ("crc64nvme", "ae8b14860a799888")],
    )
    def test_check_values(
        self, name: str, expected: str, native: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if not native:
            monkeypatch.setattr(digests, "native", None)
        assert digests.DIGESTS[name](b"123456789").hex() == expected

    def test_combined_is_that_of_the_whole(self) -> None:
        choose = random.Random(7)
        for _ in range(100):
            first, second = (choose.randbytes(choose.randrange(5000)) for _ in range(2))
            combined = digests.combine_crc32(zlib.crc32(first), zlib.crc32(second), len(second))
            assert combined == zlib.crc32(first + second)
