"""What a shell offers when the tab key is pressed: names that can stand there.

Nothing is sent, and a configuration that can't be read offers nothing: there is no place to say why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from portable.errors import PortableError


def profiles(incomplete: str) -> list[str]:
    """Profiles of the configuration, and providers, which need none."""
    from portable import discovery

    return _beginning(incomplete, [*_written(), *discovery.names()])


def providers(incomplete: str) -> list[str]:
    """Providers that are installed."""
    from portable import discovery

    return _beginning(incomplete, discovery.names())


def emulated(incomplete: str) -> list[str]:
    """Providers that have a stand-in."""
    from portable.testing.emulators import PROVIDERS

    return _beginning(incomplete, PROVIDERS)


def sellers(incomplete: str) -> list[str]:
    """Providers that the catalogue has machines of."""
    from portable.compute.catalogue import providers

    return _beginning(incomplete, providers())


def queues(incomplete: str) -> list[str]:
    """Queues that the active profile names."""
    return _beginning(incomplete, _named("queues"))


def computes(incomplete: str) -> list[str]:
    """Places for jobs that the active profile names."""
    return _beginning(incomplete, _named("computes"))


def _named(table: str) -> Iterable[str]:
    from portable.config import state
    from portable.config.profiles import active_profile

    try:
        named = active_profile(state.configured(), None).table.get(table, {})
    except PortableError:
        return ()
    return named if isinstance(named, Mapping) else ()


def _written() -> list[str]:
    from portable.config import files

    try:
        path = files.find(None)
        return list(files.load(path).profiles) if path else []
    except PortableError:
        return []


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]
