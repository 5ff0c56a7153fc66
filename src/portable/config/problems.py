"""Collect what is wrong, so that one error tells all of it."""

from __future__ import annotations

from collections.abc import Iterable

from portable.errors import ConfigError

URL = "URL "  # how the place of a URL begins that was given to a call


class NoService(ConfigError):
    """The provider has no such service; the last line says what to do instead."""


class Problems:
    """Lines for one `ConfigError`; *lines* are known already."""

    def __init__(self, title: str, lines: Iterable[str] = ()) -> None:
        self._title = title
        self._lines = list(lines)

    @property
    def lines(self) -> tuple[str, ...]:
        """Each with its place."""
        return tuple(self._lines)

    def add(self, place: str, sentence: str) -> None:
        """Note a problem; *place* is the file and key, the variable, or the call."""
        line = f"{place}: {sentence}"
        if line not in self._lines:
            self._lines.append(line)

    def last(self, place: str, sentence: str, kind: type[ConfigError] = ConfigError) -> ConfigError:
        """Note a problem that leaves nothing more to look at, and return the error to raise.

        It is of that *kind* when there is no other problem.
        """
        only = not self._lines
        self.add(place, sentence)
        return self.error(kind if only else ConfigError)

    def raise_any(self) -> None:
        """Raise if there are problems."""
        if self._lines:
            raise self.error()

    def error(self, kind: type[ConfigError] = ConfigError) -> ConfigError:
        """All of them."""
        only_url = all(line.startswith(URL) for line in self._lines)
        title = "the URL can't be used" if only_url else self._title  # the profile isn't to blame
        return kind("\n  ".join([f"{title}:", *self._lines]))
