"""Which profile is active, and who chose it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from portable import discovery
from portable.config import files, state
from portable.config.files import ConfigFile
from portable.config.problems import Problems
from portable.config.secrets import shown, shown_name
from portable.errors import ConfigError
from portable.spelling import did_you_mean, listed

if TYPE_CHECKING:
    from pathlib import Path

# The provider that works at once, with nothing written anywhere.
BUILT_IN = "local"

Chooser = Literal["block", "configure", "environment", "file", "built-in"]


@dataclass(frozen=True, slots=True)
class ActiveProfile:
    """The profile in force.

    Attributes:
        by: Who chose it.
        chosen: The same for people.
        file: The file in use, whether or not the profile is in it.
        table: The profile as written; made up when the name is an adapter's.
        written: Is *table* from the file?
    """

    name: str
    by: Chooser
    chosen: str
    file: ConfigFile | None
    table: Mapping[str, object]
    written: bool

    @property
    def in_code(self) -> bool:
        """Was it chosen in code, so that the environment counts for nothing?"""
        return self.by in ("block", "configure")

    @property
    def home(self) -> Path | None:
        """What relative defaults are relative to: the project's folder, if there is one."""
        folder = self.file.path.parent if self.file else None
        here = files.working_folder()
        return folder if folder is not None and here.is_relative_to(folder) else None

    def problems(self) -> Problems:
        """Where to note what is wrong with it: what is wrong with the file is there already."""
        if self.file and self.file.refused:
            return Problems(self.file.title, self.file.refused)
        where = f"in {self.file.path}" if self.file and self.written else "which is in no file"
        return Problems(f"profile {shown(self.name)}, {where}, can't be used")

    def place(self, key: str = "") -> str:
        """Where a key of the profile is, for people."""
        if self.file and self.written:
            where = f"{self.file.path.name} [{shown_name(self.name)}]"
        else:
            where = f"profile {shown(self.name)}"
        return f"{where} {key}" if key else where


def active_profile(configured: state.Configured, block: str | None) -> ActiveProfile:
    """Return the profile that a call made now uses.

    Raises:
        ConfigError: there is no such profile, none is chosen, or the file can't be read. What is
            refused in it is raised with what is wrong with a service: see `ActiveProfile.problems`.
    """
    path = files.find(configured.file)
    file = files.load(path) if path else None
    name, by, chosen = _choice(configured, block, file)
    if file and name in file.profiles:
        return ActiveProfile(name, by, chosen, file, file.profiles[name], written=True)
    if discovery.is_installed(name):
        return ActiveProfile(name, by, chosen, file, {"provider": name}, written=False)
    known = discovery.names()
    profiles = list(file.profiles) if file else []
    where = f"{file.path} has {listed(profiles) or 'none'}" if file else "there is no portable.toml"
    raise _none_chosen(
        file,
        f"{chosen}: there is no profile {shown(name)}{did_you_mean(name, [*profiles, *known])}; "
        f"{where}, and these providers need none: {listed(known) or 'none'}",
    )


def _choice(
    configured: state.Configured, block: str | None, file: ConfigFile | None
) -> tuple[str, Chooser, str]:
    if block is not None:
        return block, "block", f"with profile({shown(block)})"
    if configured.profile is not None:
        return configured.profile, "configure", f"configure(profile={shown(configured.profile)})"
    if name := os.environ.get("PORTABLE_PROFILE"):
        return name, "environment", "environment PORTABLE_PROFILE"
    if file and file.default is not None:
        return file.default, "file", f"{file.path.name} default"
    if file and len(file.profiles) == 1:
        return next(iter(file.profiles)), "file", f"the only profile of {file.path.name}"
    if file and file.profiles:
        first = next(iter(file.profiles))
        raise _none_chosen(
            file,
            f"{file.path} has several profiles and no default: write default = {shown(first)} at "
            f"its top, or set PORTABLE_PROFILE to one of {listed(file.profiles)}",
        )
    return BUILT_IN, "built-in", "built in"


def _none_chosen(file: ConfigFile | None, sentence: str) -> ConfigError:
    """An error that tells what is wrong with the file, too."""
    if file is None or not file.refused:
        return ConfigError(sentence)
    return Problems(file.title, (*file.refused, sentence)).error()
