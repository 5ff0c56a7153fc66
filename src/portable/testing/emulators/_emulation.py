"""Start providers, write down how to reach them, and stop them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from logging import getLogger
from pathlib import Path

from portable.config import configure, state
from portable.errors import InvalidArgument, MissingDependency
from portable.spelling import did_you_mean, listed
from portable.testing.emulators import _files
from portable.testing.emulators._provider import Emulated
from portable.testing.emulators._registry import PROVIDERS
from portable.testing.emulators._starting import side_by_side

log = getLogger("portable.testing.emulators")

# They would win over the profile.
OWN = ("PORTABLE_STORAGE", "PORTABLE_QUEUE", "PORTABLE_COMPUTE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulation:
    """Providers that are emulated, until its block ends.

    Attributes:
        providers: By name, which is that of the profile too; the first is the default.
        file: A portable.toml with the profiles.
        shell: A file that a shell can source for `environment`.
        environment: Where the file is, and what the providers' own tools need. The credentials
            in it open nothing but the stand-ins.
        unset: Variables that would lead elsewhere.
    """

    providers: Mapping[str, Emulated]
    file: Path
    shell: Path
    environment: Mapping[str, str] = field(repr=False)
    unset: tuple[str, ...]

    def environment_of(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """*inherited* as it has to be for a process that is to use the stand-ins."""
        kept = {name: value for name, value in inherited.items() if name not in self.unset}
        return kept | dict(self.environment)


@contextmanager
def emulate(*providers: str) -> Iterator[Emulation]:
    """Let this process and those that it starts use stand-ins of *providers*.

    In the block each provider's name is a profile, the first one's the default; its bucket is
    there, and empty. It works by `portable.configure` and environment variables, which hold for
    the whole process and afterwards are as before. Buckets that are open already stay as they are.

    The first time, servers are installed, which takes up to a minute; what goes on is logged as
    ``portable.testing`` at INFO.

    Raises:
        InvalidArgument: a provider can't be emulated, or none is named.
        MissingDependency: a provider's SDK isn't installed.
        ServerUnavailable: a server can't be installed or started; none stays.
    """
    with started(*providers) as emulation, _as_environment(emulation):
        yield emulation


@contextmanager
def started(*providers: str) -> Iterator[Emulation]:
    """The same without a change to this process."""
    check(providers)
    # The default is a folder that nobody else may look into.
    with tempfile.TemporaryDirectory(prefix="portable-emulate-") as name:
        folder = Path(name)
        starts = {each: partial(_running, each, folder / each) for each in providers}
        with side_by_side(starts) as running:
            yield _written(folder, running)


def check(providers: tuple[str, ...]) -> None:
    """Raise `InvalidArgument` unless there is a stand-in for each."""
    known = f"there are {listed(PROVIDERS)}"
    if not providers:
        raise InvalidArgument(f"name the providers to emulate: {known}")
    for name in providers:
        if name not in PROVIDERS:
            near = did_you_mean(name, PROVIDERS)
            raise InvalidArgument(f"no stand-in for provider {name!r}{near}; {known}")


@contextmanager
def _running(name: str, folder: Path) -> Iterator[Emulated]:
    provider = PROVIDERS[name]
    folder.mkdir()
    log.info("%s: starting %s", name, provider.servers)
    with ExitStack() as stack:
        try:
            emulated = stack.enter_context(provider.run(folder))
        except ModuleNotFoundError as error:
            raise MissingDependency(
                f"the stand-in of {name!r} needs {error.name!r}, which isn't installed: "
                f"run `pip install 'portable-cloud[{provider.extra},testing]'`",
                provider=name,
            ) from error
        for server, endpoint in emulated.servers.items():
            log.info("%s: %s at %s", name, server, endpoint)
        yield emulated


def _written(folder: Path, running: Mapping[str, Emulated]) -> Emulation:
    file, shell = folder / "portable.toml", folder / "env"
    unset = dict.fromkeys(OWN)
    environment = {"PORTABLE_CONFIG": str(file), "PORTABLE_PROFILE": next(iter(running))}
    for each in running.values():
        unset |= dict.fromkeys(each.unset)
        environment |= each.environment
    # Single settings too, of whoever starts it: nobody knows all of their names.
    unset |= {name: None for name in os.environ if name.startswith(OWN)}
    emulation = Emulation(
        providers=running,
        file=file,
        shell=shell,
        environment=environment,
        unset=tuple(name for name in unset if name not in environment),
    )
    _keep(file, _files.toml({name: each.profile for name, each in running.items()}))
    _keep(shell, _files.shell(environment, emulation.unset))
    return emulation


def _keep(path: Path, text: str) -> None:
    path.touch(0o600)  # a configuration that others may write is refused
    path.write_text(text)


@contextmanager
def _as_environment(emulation: Emulation) -> Iterator[None]:
    before, configured = dict(os.environ), state.configured()
    touched = {*emulation.environment, *emulation.unset}
    try:
        configure(file=emulation.file, profile=next(iter(emulation.providers)))
        for name in emulation.unset:
            os.environ.pop(name, None)
        os.environ.update(emulation.environment)
        yield
    finally:
        state.replace(configured)
        for name in touched:
            if name in before:
                os.environ[name] = before[name]
            else:
                os.environ.pop(name, None)
