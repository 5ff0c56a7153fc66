"""Files of the working directory that go along with a job."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from portable.compute.arguments import words_of
from portable.errors import InvalidArgument, InvalidKey, InvalidType
from portable.storage.keys import check_key

SIZE_MAX = 100 * 1024**2
LEFT_OUT = frozenset({"__pycache__", ".git", ".venv", ".portable"})


@dataclass(slots=True)
class Sent:
    """Files, by their path from the working directory.

    Attributes:
        executables: Those that may be run.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    executables: set[str] = field(default_factory=set)


def collect(
    command: str | Sequence[str],
    given: Iterable[str | os.PathLike[str]] | None,
    *,
    elsewhere: Iterable[str],
) -> Sent:
    """Read the files that a command names, and those that were given.

    Args:
        elsewhere: Paths that inputs and outputs are for: what the command says there is no file
            of the working directory.

    Raises:
        InvalidArgument: a file isn't below the working directory, isn't there, or they are more
            than 100 MiB.
    """
    if isinstance(given, str | bytes | os.PathLike) or not isinstance(given, Iterable | None):
        raise InvalidType("files is a list of paths; for one, [path]")
    home = Path.cwd().resolve()
    taken = tuple(elsewhere)
    found: dict[str, Path] = {}
    for word in words_of(command):
        path = _named(home, word)
        if path is not None and not _is_below(path.relative_to(home).as_posix(), taken):
            found[_name(home, path)] = path
    for each in given or ():
        if not isinstance(each, str | os.PathLike):
            raise InvalidType(f"files is a list of paths, unlike {each!r}")
        for path in _below(home, Path(os.path.normpath(home / Path(each))), os.fspath(each)):
            found[_name(home, path)] = path
    return _read(found)


def _named(home: Path, word: str) -> Path | None:
    """The file that a word of a command names, if it is one of this folder."""
    if not word or "\0" in word or Path(word).is_absolute():
        return None
    path = Path(os.path.normpath(home / word))
    try:
        inside = path.is_file() and path.resolve().is_relative_to(home)
    except (OSError, ValueError):  # too long, for one
        return None
    return path if inside and path.is_relative_to(home) else None


def _below(home: Path, path: Path, given: str) -> Iterator[Path]:
    if not path.is_relative_to(home):
        raise InvalidArgument(
            f"files: {given!r} isn't below the working directory {str(home)!r}; go to where the "
            f"files are, or put it into storage and name it in 'inputs'"
        )
    if not path.exists():
        raise InvalidArgument(f"files: there is no {given!r} in {str(home)!r}")
    if not path.resolve().is_relative_to(home):
        raise InvalidArgument(
            f"files: {str(path.relative_to(home))!r} is a link to {str(path.resolve())!r}, which "
            f"isn't below the working directory; copy what it leads to"
        )
    if path.is_file():
        yield path
    elif path.is_dir():
        for each in sorted(path.iterdir()):
            if each.name not in LEFT_OUT and (each.is_file() or each.is_dir() or each.is_symlink()):
                if each.is_symlink() and each.is_dir():
                    raise InvalidArgument(
                        f"files: {str(each.relative_to(home))!r} is a link to a folder; name that"
                    )
                yield from _below(home, each, str(each.relative_to(home)))
    else:
        raise InvalidArgument(f"files: {given!r} is neither a file nor a folder")


def _name(home: Path, path: Path) -> str:
    name = path.relative_to(home).as_posix()
    try:
        return check_key(name)
    except InvalidKey as error:
        raise InvalidArgument(f"files: {name!r} can't go along: {error.message}") from error


def _read(found: dict[str, Path]) -> Sent:
    sizes = {name: path.stat().st_size for name, path in found.items()}
    if sum(sizes.values()) > SIZE_MAX:
        largest = max(sizes, key=lambda name: sizes[name])
        raise InvalidArgument(
            f"the files that go along have {sum(sizes.values()) / 1024**2:.1f} MiB, and 100 is the "
            f"most; {largest!r} has {sizes[largest] / 1024**2:.1f}. Put large ones into storage, "
            f"and name them in 'inputs'"
        )
    sent = Sent()
    for name, path in found.items():
        sent.files[name] = path.read_bytes()
        if os.access(path, os.X_OK):
            sent.executables.add(name)
    return sent


def _is_below(name: str, folders: tuple[str, ...]) -> bool:
    return any(name == each or name.startswith(f"{each}/") for each in folders)
