"""Words for error texts: the nearest match, and lists of names."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str], *, most: int = 1) -> str:
    """Return ``" (did you mean 'bucket'?)"`` for what is near, else ``""``; up to *most* names."""
    from difflib import get_close_matches

    names = {name.lower(): name for name in known}
    near = get_close_matches(word[:64].lower(), names, n=most)
    return f" (did you mean {' or '.join(repr(names[each]) for each in near)}?)" if near else ""


def listed(names: Iterable[str]) -> str:
    """Return ``"'a', 'b', 'c'"``, sorted."""
    return ", ".join(repr(name) for name in sorted(names))
