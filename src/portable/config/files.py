"""Find ``portable.toml`` and read it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from portable.config.problems import Problems
from portable.config.secrets import (
    HIDDEN,
    is_secret_key,
    looks_secret,
    remedy,
    shown,
    shown_name,
)
from portable.errors import ConfigError
from portable.spelling import did_you_mean

NAME = "portable.toml"
# Tables whose keys are names that users choose, so that one called "tokens" is no secret.
NAMED = frozenset({"buckets", "queues", "computes"})
DEEPEST = 16


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A file as written; its top level is checked, its profiles only for secrets.

    Attributes:
        default: The profile that the file names as the default.
        profiles: By name; a secret in them is `HIDDEN`.
        refused: What is wrong with it; then nothing of it is used, and the rest only looked at.
    """

    path: Path
    default: str | None
    profiles: Mapping[str, Mapping[str, object]]
    refused: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The first line of an error about it."""
        return f"{self.path} can't be used"


def find(explicit: Path | None) -> Path | None:
    """Return the file to use: *explicit*, `PORTABLE_CONFIG`, upwards from here, the user's own."""
    if explicit:
        return explicit
    if named := os.environ.get("PORTABLE_CONFIG"):
        return absolute(named, None)
    here = working_folder()
    for folder in (here, *here.parents):
        if _is_file(folder / NAME):
            return folder / NAME
    from platformdirs import user_config_path

    path = user_config_path("portable", appauthor=False) / NAME
    return path if _is_file(path) else None


def load(path: Path) -> ConfigFile:
    """Read *path*, which `find` gave.

    Raises:
        ConfigError: it is missing, anyone may write it, or it isn't TOML.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            key = (path, status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode)
            if key in _loaded:
                return _loaded[key]
            data = file.read()
    except OSError as error:
        raise ConfigError(f"can't read {path}: {error.strerror}") from error
    except ValueError as error:  # a NUL in the path
        raise ConfigError(f"can't read {str(path)!r}: {error}") from error
    if os.name == "posix" and status.st_mode & stat.S_IWOTH:
        raise ConfigError(
            f"anyone may change {path}, and with it where data goes: chmod o-w {path}"
        )
    _loaded.clear()
    _loaded[key] = _checked(path, _parsed(path, data))
    return _loaded[key]


def absolute(path: str | os.PathLike[str], folder: Path | None) -> Path:
    """Return *path* with ``~`` replaced, against *folder* or the working directory."""
    try:
        expanded = Path(path).expanduser()
    except RuntimeError:
        raise ConfigError(f"no home folder is known for {shown(os.fspath(path))}") from None
    return expanded if expanded.is_absolute() else (folder or working_folder()) / expanded


def working_folder() -> Path:
    """Return the working directory, which may have been removed."""
    try:
        return Path.cwd()
    except OSError as error:
        raise ConfigError(f"there is no working directory: {error.strerror}") from error


# The last file read. It is a few hundred bytes, read anew whenever it changes.
_loaded: dict[tuple[object, ...], ConfigFile] = {}


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # in a folder that we may not look into
        return False


def _parsed(path: Path, data: bytes) -> dict[str, object]:
    import tomllib

    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = "not UTF-8"
    except RecursionError:
        line, problem = 1, "nested too deeply"
    except ValueError as error:
        found = re.search(r" \(at line (\d+), column \d+\)$", str(error))
        line = int(found[1]) if found else data.count(b"\n") + 1
        problem = re.sub(r" \(at [^()]*\)$", "", str(error))
    # Outside of the handlers: an exception in the context would hold the file's text.
    raise ConfigError(f"{path}, line {line}: not valid TOML: {problem}")


def _checked(path: Path, document: dict[str, object]) -> ConfigFile:
    problems = Problems("")
    default, profiles = None, dict[str, Mapping[str, object]]()
    for name, value in document.items():
        place = f"{path.name} {shown_name(name)}"
        if name == "default":
            if isinstance(value, str):
                default = value
            else:
                problems.add(place, "must be the name of a profile, in quotes")
        elif isinstance(value, dict):
            profiles[name] = _profile(value, f"{path.name} [{shown_name(name)}]", problems)
        else:
            problems.add(
                place,
                "only 'default' and tables, which are profiles, go at the top level"
                f"{did_you_mean(name, ['default'])}",
            )
    return ConfigFile(path, default, profiles, problems.lines)


def _profile(table: dict[str, object], place: str, problems: Problems) -> dict[str, object]:
    advice = remedy(_credentials(table))

    def tell(where: str, reason: str) -> None:
        problems.add(where, f"{reason}{advice}")

    return cast("dict[str, object]", _without_secrets(table, place, tell, depth=0))


def _without_secrets(
    value: object, place: str, tell: Callable[[str, str], None], *, depth: int, names: bool = False
) -> object:
    """Return *value*, other services' tables too, with `HIDDEN` for each secret, told of.

    Args:
        names: Keys here are names that users chose.
    """
    if depth > DEEPEST:
        tell(place, "nested too deeply to look for secrets: ")
        return HIDDEN
    if isinstance(value, dict):
        kept: dict[str, object] = {}
        for key, item in value.items():
            where = f"{place}{'.' if depth else ' '}{shown_name(key)}"
            if is_secret_key(key) and not names and not isinstance(item, dict):
                tell(where, "")
                kept[key] = HIDDEN
            else:
                listing = not depth and key in NAMED
                kept[key] = _without_secrets(item, where, tell, depth=depth + 1, names=listing)
        return kept
    if isinstance(value, list):
        return [_without_secrets(item, place, tell, depth=depth + 1) for item in value]
    if looks_secret(value):
        tell(place, "the value looks like a secret: ")
        return HIDDEN
    return value


def _credentials(profile: Mapping[str, object]) -> str:
    from portable import discovery

    provider = profile.get("provider")
    try:
        return discovery.adapter(provider).credentials if isinstance(provider, str) else ""
    except ConfigError:
        return ""
