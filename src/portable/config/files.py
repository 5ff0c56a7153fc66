"""Find ``portable.toml`` and read it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from portable.config.problems import Problems
from portable.config.secrets import is_secret_key, looks_secret, remedy, shown, shown_name
from portable.errors import ConfigError
from portable.spelling import did_you_mean

NAME = "portable.toml"
# Tables whose keys are names that users choose, so that one called "tokens" is no secret.
NAMED = frozenset({"buckets", "queues", "computes"})
DEEPEST = 16

_Profiles = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A file as written; its top level is checked, its profiles aren't.

    Attributes:
        default: The profile that the file names as the default.
        profiles: By name.
    """

    path: Path
    default: str | None
    profiles: _Profiles


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
        ConfigError: it is missing, anyone may write it, it isn't TOML, it has secrets in it, or
            something at its top level is neither `default` nor a profile.
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
    document = _parsed(path, data)
    problems = _problems(path, document)
    if problems:
        data, document = b"", {}  # a traceback that shows locals shows no secret
        problems.raise_any()
    default = document.pop("default", None)
    _loaded.clear()
    _loaded[key] = ConfigFile(path, cast("str | None", default), cast("_Profiles", document))
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


def _problems(path: Path, document: dict[str, object]) -> Problems:
    problems = Problems(f"{path} can't be used")
    for name, value in document.items():
        place = f"{path.name} {shown_name(name)}"
        if name == "default":
            if not isinstance(value, str):
                problems.add(place, "must be the name of a profile, in quotes")
        elif isinstance(value, dict):
            for where, reason in _secrets(value, f"{path.name} [{shown_name(name)}]", depth=0):
                problems.add(where, f"{reason}{remedy(_credentials(value))}")
        else:
            problems.add(
                place,
                "only 'default' and tables, which are profiles, go at the top level"
                f"{did_you_mean(name, ['default'])}",
            )
    return problems


def _secrets(
    value: object, place: str, *, depth: int, names: bool = False
) -> Iterator[tuple[str, str]]:
    """Look everywhere, other services' tables too; *names*: keys here are names users chose."""
    if depth > DEEPEST:
        yield place, "nested too deeply to look for secrets: "
    elif isinstance(value, dict):
        for key, item in value.items():
            where = f"{place}{'.' if depth else ' '}{shown_name(key)}"
            if is_secret_key(key) and not names and not isinstance(item, dict):
                yield where, ""
            else:
                listing = not depth and key in NAMED
                yield from _secrets(item, where, depth=depth + 1, names=listing)
    elif isinstance(value, list):
        for item in value:
            yield from _secrets(item, place, depth=depth + 1)
    elif looks_secret(value):
        yield place, "the value looks like a secret: "


def _credentials(profile: Mapping[str, object]) -> str:
    from portable import discovery

    provider = profile.get("provider")
    try:
        return discovery.adapter(provider).credentials if isinstance(provider, str) else ""
    except ConfigError:
        return ""
