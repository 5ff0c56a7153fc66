"""Read ``scheme://host/path?setting=value`` into settings."""

from __future__ import annotations

import re
from collections.abc import Mapping

from portable import discovery
from portable.adapter import Adapter, Scheme
from portable.config.kinds import STORAGE, Kind
from portable.config.secrets import HIDDEN, is_secret_key, looks_secret, remedy, shown
from portable.errors import ConfigError


class BadURL(Exception):
    """What is wrong with a URL, in words that hold no secret.

    Attributes:
        sentences: One for each problem.
        rest: What `parse_url` would return, with `HIDDEN` for what was refused, so that more can be
            found; `None` if that can't be told.
    """

    def __init__(
        self, *sentences: str, rest: tuple[Adapter, Mapping[str, object]] | None = None
    ) -> None:
        super().__init__("; ".join(sentences))
        self.sentences = sentences
        self.rest = rest


def is_url(text: str) -> bool:
    """Is *text* meant as a URL, and not as a name?"""
    return "://" in text


def parse_url(url: str, kind: Kind = STORAGE) -> tuple[Adapter, dict[str, str]]:
    """Return the adapter that *url* means and its settings, still text.

    A ``/`` at the end of a path below a host is dropped. ``+`` is a plus.

    Raises:
        BadURL: it can't be read, or it has a secret in it.
    """
    name, _, rest = url.partition("://")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", name):
        raise BadURL("the scheme before '://' must be letters and digits")
    try:
        adapter, scheme = discovery.adapter_for_scheme(name, kind.name)
    except ConfigError as error:
        problem = error.message
    else:
        return adapter, _settings(rest, scheme, adapter, kind)
    raise BadURL(problem)


def _settings(rest: str, scheme: Scheme, adapter: Adapter, kind: Kind) -> dict[str, str]:
    if "#" in rest:
        raise BadURL(f"a URL of a {kind.one} has no fragment: write '#' as %23")
    address, _, query = rest.partition("?")
    host, slash, path = address.partition("/")
    if "@" in host:
        raise BadURL(f"it has a user or password in it: {remedy(adapter.credentials)}")
    found: dict[str, str] = {}
    if scheme.host is None and host:
        raise BadURL(
            f"nothing goes between '://' and the next '/': {scheme.name}:///folder, not "
            f"{scheme.name}://folder"
        )
    if scheme.host is not None:
        if "%" in host:
            raise BadURL("the part after '://' can't have % in it")
        path = _decoded(path).removesuffix("/")
        if host:
            found[scheme.host] = _decoded(host)
    else:
        path = _decoded(slash + path)
    if path and not scheme.path:
        raise BadURL(f"a URL of a {kind.one} of {adapter.name!r} ends with its name, without '/'")
    if path:
        found[scheme.path] = path
    wrong = _add_query(found, query, adapter)
    hidden = {name: HIDDEN for name, value in found.items() if looks_secret(value)}
    if hidden:
        wrong.append(f"it has a secret in it: {remedy(adapter.credentials)}")
    if wrong:
        raise BadURL(*wrong, rest=(adapter, {**found, **hidden}))
    return found


def _add_query(found: dict[str, str], query: str, adapter: Adapter) -> list[str]:
    """Add the good ones of the settings after ``?``, and say what is wrong with the others."""
    wrong: list[str] = []
    for pair in query.split("&") if query else ():
        try:
            key, value = _setting(pair, adapter)
        except BadURL as error:
            wrong += error.sentences
            continue
        if key in found:
            wrong.append(f"setting {shown(key)} is in it twice")
        else:
            found[key] = value
    return wrong


def _setting(pair: str, adapter: Adapter) -> tuple[str, str]:
    raw, equals, value = pair.partition("=")
    key = _decoded(raw)
    if is_secret_key(key) or looks_secret(f"?{_decoded(pair)}"):
        raise BadURL(f"setting {shown(key)} is a secret: {remedy(adapter.credentials)}")
    if not key or not equals:
        raise BadURL("settings after '?' are written name=value, joined by '&'")
    return key, _decoded(value)


def _decoded(text: str) -> str:
    from urllib.parse import unquote

    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise BadURL("it has a % that isn't followed by two hexadecimal digits")
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        decoded = "\0"
    if re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", decoded):
        raise BadURL("it has a control character, or an escape that isn't UTF-8")
    return decoded
