"""How objects are named."""

from __future__ import annotations

import pytest

from portable.cli.addresses import Address, parse, single
from portable.errors import ConfigError, InvalidArgument


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("runs/7/model.pt", Address(None, "runs/7/model.pt")),
        ("100%#?", Address(None, "100%#?")),
        ("", Address(None, "")),
        ("portable://runs/7", Address(None, "runs/7")),
        ("portable://", Address(None, "")),
        ("PORTABLE://a%20b", Address(None, "a b")),
        ("portable://@datasets/x/y", Address("datasets", "x/y")),
        ("portable://@datasets", Address("datasets", "")),
        ("portable://%40x", Address(None, "@x")),
        ("portable://@gcp:/x/y", Address(None, "x/y", profile="gcp")),
        ("portable://@gcp:", Address(None, "", profile="gcp")),
        ("portable://@gcp:datasets/x", Address("datasets", "x", profile="gcp")),
        ("portable://@my%20lab:a%3Ab/x", Address("a:b", "x", profile="my lab")),
        ("portable://@a:b:c/x", Address("b:c", "x", profile="a")),
        ("portable://@a%3Ab/x", Address("a:b", "x")),
        ("portable://@datasets/a:b", Address("datasets", "a:b")),
        ("portable://a:b/c", Address(None, "a:b/c")),
        ("s3://acme/runs/7", Address("s3://acme?prefix=", "runs/7")),
        ("s3://acme", Address("s3://acme?prefix=", "")),
        ("s3://acme/a%3Fb%23c", Address("s3://acme?prefix=", "a?b#c")),
        (
            "s3://acme/runs/7?endpoint=https://minio.example.com",
            Address("s3://acme?endpoint=https://minio.example.com&prefix=", "runs/7"),
        ),
        ("s3://acme/k?prefix=team", Address("s3://acme?prefix=team", "k")),
        ("memory://name/k/", Address("memory://name?prefix=", "k/")),
        ("file:///data/digits.npz", Address("file:///data?prefix=", "digits.npz")),
        ("file:///data/a%20b/c%20d", Address("file:///data/a%20b?prefix=", "c d")),
        ("file:///data/", Address("file:///data?prefix=", "")),
        ("file:///data", Address("file:///?prefix=", "data")),
    ],
)
def test_what_an_address_means(text: str, address: Address) -> None:
    """A URL is decoded, a bare key isn't."""
    assert parse(text) == address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("file:///data", Address("file:///data?prefix=", "")),
        ("file:///data/", Address("file:///data?prefix=", "")),
        ("file:///data/run*", Address("file:///data?prefix=", "run*")),
        ("s3://acme/data", Address("s3://acme?prefix=", "data")),
    ],
)
def test_a_url_without_a_host_is_listed_as_the_bucket_itself(text: str, address: Address) -> None:
    """There is no telling from the URL where a bucket would end and a key begin."""
    assert parse(text, folder=True) == address


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("s3://acme/100%", "write it %25"),
        ("s3://acme/%ff", "isn't UTF-8"),
        ("s3://acme/a#b", "write it %23"),
        ("portable://@/x", "names no bucket"),
        ("portable://@:/x", "names no profile before ':'"),
        ("portable://x?region=eu", "the profile has the settings"),
    ],
)
def test_a_url_that_cant_be_read_says_what_to_write(text: str, words: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(InvalidArgument, match=words):
        parse(text)


def test_an_unknown_scheme_is_refused_with_those_that_are_known() -> None:
    """As everywhere."""
    with pytest.raises(ConfigError, match=r"begin with 'memry://'.*did you mean 'memory'"):
        parse("memry://acme/k")


@pytest.mark.parametrize("text", ["", "runs/", "s3://acme", "s3://acme/runs/", "portable://"])
def test_a_single_object_needs_a_name(text: str) -> None:
    """A folder isn't an object."""
    with pytest.raises(InvalidArgument, match="has no name"):
        single(text)


def test_an_error_repeats_no_secret_of_a_url() -> None:
    """Whatever else is wrong with it."""
    with pytest.raises(InvalidArgument) as caught:
        parse("s3://acme/100%?aws_secret_access_key=hunter2")
    assert "hunter2" not in str(caught.value)
