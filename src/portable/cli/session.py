"""One run of a command: its options, its buckets and where its words go."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from portable.addresses import SCHEME
from portable.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from portable.adapter import StorageSettings
    from portable.cli.addresses import Address
    from portable.config import ResolvedService
    from portable.storage import Bucket


@dataclass(slots=True)
class Options:
    """The options that every command takes, wherever on the line they stand.

    Attributes:
        program: What stands after ``--``, for a command that runs another program.
    """

    profile: str | None = None
    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    program: tuple[str, ...] | None = None

    def add(self, *, profile: str | None, as_json: bool, quiet: bool, verbose: bool) -> None:
        """Take what one level of the command line says."""
        self.profile = self.profile if profile is None else profile
        self.as_json |= as_json
        self.quiet |= quiet
        self.verbose |= verbose


class Session:
    """What a command works with.

    What was asked for goes to stdout; everything else, such as notes of what was done, to stderr.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.as_json = options.as_json
        self._stack = ExitStack()
        self._buckets: dict[tuple[str | None, str | None], Bucket] = {}

    def __enter__(self) -> Self:
        if (name := self.options.profile) is not None:
            self._stack.enter_context(_profile(name, "--profile"))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def resolve(self, bucket: str | None) -> ResolvedService[StorageSettings]:
        """The settings of a bucket: a name, a URL, or `None` for the profile's own."""
        from portable.config import resolve_storage

        return resolve_storage(bucket)

    def bucket(self, address: Address) -> Bucket:
        """The bucket that *address* is in, the same one each time."""
        which = address.profile, address.bucket
        if which not in self._buckets:
            from portable.config.secrets import shown_name
            from portable.storage.active import open_bucket

            if address.profile is None:
                with _as_written(address):
                    self._buckets[which] = open_bucket(address.bucket)
            else:
                written = f"'{SCHEME}://@{shown_name(address.profile)}:…'"
                with _profile(address.profile, written):
                    self._buckets[which] = open_bucket(address.bucket)
        return self._buckets[which]

    def line(self, text: str) -> None:
        """Print a line that was asked for."""
        sys.stdout.write(printable(text) + "\n")

    def document(self, value: Any) -> None:
        """Print *value* as JSON: indented on a terminal, else on one line."""
        indent = 2 if sys.stdout.isatty() else None
        sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=indent) + "\n")

    def record(self, value: Any) -> None:
        """Print *value* as one line of JSON, one of many."""
        sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")

    def note(self, text: str) -> None:
        """Say what was done, unless nobody wants to know."""
        if not (self.options.quiet or self.as_json):
            sys.stderr.write(without_controls(text) + "\n")

    @property
    def shows_progress(self) -> bool:
        """Is there someone to look at a progress bar?"""
        return sys.stderr.isatty() and not (self.options.quiet or self.as_json)


@contextmanager
def _as_written(address: Address) -> Iterator[None]:
    """Errors about the bucket's URL show the one on the line; a profile's name isn't a bucket's."""
    try:
        yield
    except ConfigError as error:
        from portable.cli.completing import profiles
        from portable.config.problems import URL
        from portable.config.secrets import shown, shown_name, shown_url

        name = address.bucket
        if name and address.written:
            there, written = shown_url(name), shown_url(address.written)
            error.message = error.message.replace(f"{URL}{there}", f"{URL}{written}")
        elif (
            name and f"there is no bucket {shown(name)}" in error.message and name in profiles(name)
        ):
            error.message += f"; for the profile: {SCHEME}://@{shown_name(name)}:"
        raise


@contextmanager
def _profile(name: str, written: str) -> Iterator[None]:
    """`portable.profile`, whose errors name what is *written* on the line."""
    from portable.config import profile
    from portable.config.secrets import shown

    try:
        with profile(name):
            yield
    except ConfigError as error:
        error.message = error.message.replace(f"with profile({shown(name)})", written)
        raise


def printable(text: str) -> str:
    """*text* for stdout: a foreign key's control characters don't reach a terminal."""
    return without_controls(text) if sys.stdout.isatty() else text


def without_controls(text: str) -> str:
    """*text* with what isn't printable as escapes, line ends too."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
