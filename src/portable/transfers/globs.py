"""Which names take part: ``include`` and ``exclude``.

A pattern is a shell's, matched against the whole name below the folder: ``*`` is any text, ``/``
included, ``?`` one character, ``[a-z]`` one of these. Upper and lower case differ.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate

from portable.errors import InvalidType


class Globs:
    """Takes a name that some *include* matches, or there is none, and no *exclude* does."""

    def __init__(self, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
        self._include = _compiled("include", include)
        self._exclude = _compiled("exclude", exclude)
        self._whole = _compiled("exclude", [text for text in exclude if text.endswith("*")])

    def takes(self, name: str) -> bool:
        """Does *name* take part?"""
        if self._exclude is not None and self._exclude.match(name):
            return False
        return self._include is None or bool(self._include.match(name))

    def excludes_all_below(self, folder: str) -> bool:
        """Is every name below *folder*, which ends in ``/``, excluded?

        A pattern that ends in ``*`` and matches the folder matches all that continues it.
        """
        return self._whole is not None and bool(self._whole.match(folder))


def _compiled(what: str, patterns: Sequence[str]) -> re.Pattern[str] | None:
    if isinstance(patterns, str) or not all(isinstance(each, str) for each in patterns):
        raise InvalidType(f"{what} is a list of patterns such as ['*.pt'], not {patterns!r}")
    if not patterns:
        return None
    return re.compile("|".join(translate(pattern) for pattern in patterns))
