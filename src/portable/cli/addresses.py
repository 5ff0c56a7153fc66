"""How objects are named on the command line.

=============================  ================================================
``s3://acme/runs/7/model.pt``  a URL: the bucket ``s3://acme``, the key after it
``file:///data/digits.npz``    no host, so the bucket is the last folder
``portable://runs/7``          a key in the active profile's bucket
``portable://@datasets/x``     a key in the profile's bucket named ``datasets``
``portable://@prod:/x``        a key in the bucket of the profile ``prod``
``portable://@prod:models/x``  a key in that profile's bucket named ``models``
``runs/7/model.pt``            a key, where nothing local could be meant
=============================  ================================================

In a URL ``%XX`` stands for a character, ``?`` begins settings of the bucket (``?region=…``) and
``#`` is written ``%23``. A bare key is taken as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from portable.addresses import SCHEME, split_bucket
from portable.config.secrets import shown_url
from portable.config.urls import is_url
from portable.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Address:
    """A place in a bucket.

    Attributes:
        bucket: A name or a URL for `resolve_storage`; `None` for the profile's own.
        key: Empty for the bucket itself; ends in ``/`` for a folder.
        profile: The profile that the bucket is of; `None` for the active one.
        written: The URL that it was read from, for errors; empty if it was none.
    """

    bucket: str | None
    key: str
    profile: str | None = None
    written: str = field(default="", compare=False)

    @property
    def is_folder(self) -> bool:
        """Can objects only be put in it, not at it?"""
        return not self.key or self.key.endswith("/")

    def child(self, name: str) -> Address:
        """The object *name* in this folder."""
        return replace(self, key=self.key + name)


def parse(text: str, *, folder: bool = False) -> Address:
    """Read what names an object, or a prefix; *text* may be a bare key.

    Args:
        folder: *text* names what is to be listed, so a URL without a host is the bucket itself.

    Raises:
        InvalidArgument: the text says what to write instead.
        ConfigError: no adapter has such URLs.
    """
    if not is_url(text):
        return Address(None, text)
    scheme, _, rest = text.partition("://")
    if scheme.lower() == SCHEME:
        return _in_profile(text, rest)
    from portable import discovery

    _, known = discovery.adapter_for_scheme(scheme)
    if "#" in rest:
        raise InvalidArgument(f"'#' begins nothing in {shown_url(text)!r}: in a key write it %23")
    place, mark, query = rest.partition("?")
    if known.host is None:
        where, key = _folder_and_key(place, folder=folder)
    else:
        where, _, key = place.partition("/")
    # The key is all of the path: a prefix that the profile has isn't put in front of it.
    settings = [query] if mark else []
    if not re.search(r"(^|&)prefix=", query):
        settings.append("prefix=")
    bucket = f"{scheme}://{where}?{'&'.join(settings)}"
    return Address(bucket, _decoded(key, text), written=text)


def single(text: str, *, what: str = "the object") -> Address:
    """Read what must name one object."""
    address = parse(text)
    if address.is_folder:
        raise InvalidArgument(
            f"{what} {_quoted(text)} has no name: an object's key doesn't end in '/'; `portable ls "
            f"{_quoted(text)[1:-1]}` shows what is there"
        )
    return address


def is_local(text: str) -> bool:
    """Does *text* name a file of this machine, where both are possible?"""
    return not is_url(text)


def _in_profile(text: str, rest: str) -> Address:
    if "?" in rest or "#" in rest:
        raise InvalidArgument(
            f"{_quoted(text)} has a '?' or '#': the profile has the settings, and in a key they "
            "are written %3F and %23"
        )
    name, key = split_bucket(rest)
    profile, colon, bucket = (name or "").partition(":")
    if not colon:
        return Address(name and _decoded(name, text), _decoded(key, text))
    if not profile:
        raise InvalidArgument(
            f"{_quoted(text)} names no profile before ':'; one of the configuration is meant, as "
            f"in {SCHEME}://@prod:/key or {SCHEME}://@prod:bucket/key"
        )
    return Address(
        _decoded(bucket, text) or None, _decoded(key, text), profile=_decoded(profile, text)
    )


def _folder_and_key(path: str, *, folder: bool) -> tuple[str, str]:
    """A path without a host: its folder is the bucket; with ``/`` at its end, all of it is."""
    if path.endswith("/") or (folder and not path.endswith("*")):
        return path.rstrip("/") or "/", ""
    parent, _, name = path.rpartition("/")
    return parent or "/", name


def _decoded(text: str, whole: str) -> str:
    from urllib.parse import unquote

    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise InvalidArgument(
            f"{_quoted(whole)} has a % that isn't followed by two hexadecimal digits: in a URL "
            "write it %25"
        )
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise InvalidArgument(f"{_quoted(whole)} has %XX that isn't UTF-8") from None


def _quoted(text: str) -> str:
    return repr(shown_url(text) if is_url(text) else text)
