"""Pages of a listing, read without the SDK."""

from __future__ import annotations

import pytest

import portable
from portable.errors import Unavailable
from portable_aws.listing import parsed

PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<{p}ListBucketResult xmlns{x}="http://s3.amazonaws.com/doc/2006-03-01/">
  <{p}EncodingType>url</{p}EncodingType>
  <{p}Contents>
    <{p}Key>a%2Fb+c&amp;d</{p}Key><{p}LastModified>2026-11-26T10:00:00.000Z</{p}LastModified>
    <{p}ETag>&quot;abc&quot;</{p}ETag><{p}Size>7</{p}Size>
    <{p}Owner><{p}ID>Size</{p}ID><{p}Size>1</{p}Size></{p}Owner>
  </{p}Contents>
  <{p}CommonPrefixes><{p}Prefix>x/</{p}Prefix></{p}CommonPrefixes>
  <{p}IsTruncated>true</{p}IsTruncated><{p}NextContinuationToken>on</{p}NextContinuationToken>
</{p}ListBucketResult>"""


@pytest.mark.parametrize(("prefix", "bound"), [("", ""), ("s3:", ":s3")])
def test_page_is_read_whatever_its_namespace_is_called(prefix: str, bound: str) -> None:
    """And elements inside others aren't taken for theirs."""
    page = parsed(PAGE.format(p=prefix, x=bound).encode())
    (found,) = page.objects
    assert (found.key, found.size, found.revision) == ("a/b c&d", 7, '"abc"')
    assert (list(page.prefixes), page.token) == (["x/"], "on")


@pytest.mark.parametrize("body", [b"", b"<html/>", PAGE.format(p="", x="").encode()[:-30]])
def test_what_is_no_whole_page_is_refused(body: bytes) -> None:
    with pytest.raises(Unavailable):
        parsed(body)


def test_where_nobody_listens_the_error_says_where_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    bucket = portable.open_bucket("s3://acme?endpoint=http://127.0.0.1:1&engine=fast&attempts=1")
    with pytest.raises(Unavailable, match=r"port=1.*refused; nothing was sent"):
        next(bucket.list(), None)
