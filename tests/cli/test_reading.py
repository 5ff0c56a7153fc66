"""``portable cat`` and ``portable sign``."""

from __future__ import annotations

import urllib.request
from datetime import timedelta

import pytest

from portable.cli.values import duration
from portable.errors import InvalidArgument
from portable.storage import Bucket
from portable.testing.servers import S3Server, make_bucket
from tests.cli.conftest import Run

EVERY_BYTE = bytes(range(256)) * 8192  # 2 MiB, line ends of all kinds in it


def test_cat_gives_the_bytes_as_they_are(run: Run, in_memory: Bucket) -> None:
    """Nothing is decoded, no line end is changed."""
    in_memory.put("a", EVERY_BYTE)
    in_memory.put("b", b"\r\n")
    outcome = run("cat", "a", "portable://b")
    assert (outcome.code, outcome.out, outcome.err) == (0, EVERY_BYTE + b"\r\n", "")


def test_cat_writes_bytes_with_json_too(run: Run, in_memory: Bucket) -> None:
    """--json says how errors are told; an object's bytes are its bytes."""
    in_memory.put("a", b"\x00\xff")
    assert run("cat", "--json", "a").out == b"\x00\xff"


def test_a_signed_url_works_without_credentials(run: Run, s3: S3Server) -> None:
    """The URL alone is on stdout, so that it can go to curl."""
    make_bucket(s3, "signed")
    place = f"s3://signed/k.txt?endpoint={s3.endpoint}"
    run("cp", "-", place, given=b"hello")
    url = run("sign", place, "--expires", "90s").text.strip()
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"hello"


def test_a_signed_put_tells_its_headers(run: Run, s3: S3Server) -> None:
    """On stderr for people, in the document for programs."""
    make_bucket(s3, "signed")
    place = f"s3://signed/k.json?endpoint={s3.endpoint}"
    assert "Content-Type: application/json" in run("sign", place, "--method", "put").err
    document = run("sign", place, "--method", "PUT", "--json").document
    assert document["method"] == "PUT"
    assert document["headers"] == {"Content-Type": "application/json"}
    assert document["expires_at"].endswith("Z")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("1h", 3600), ("7d", 604800), ("1h30m", 5400), ("30", 30)],
)
def test_durations(text: str, seconds: int) -> None:
    """A number with a unit, several of them, or seconds."""
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "h", "-1h", "1 h", "1.5h", "1w", "1H", "1e3"])
def test_what_is_no_duration(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(InvalidArgument, match="is no time"):
        duration(text)
