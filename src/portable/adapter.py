"""What an adapter gives, and how it is found.

An adapter is a package with one `Adapter` descriptor, named in the entry-point group
``portable.adapters``. Its SDK is imported by the factories, never by the package itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from portable.errors import InvalidKey

if TYPE_CHECKING:
    from portable.storage.driver import StorageDriver


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings:
    """What every bucket can be told; an adapter's settings add its own fields.

    Settings are plain values (`str`, `int`, `float`, `bool`, or a `Literal`, each also `| None`),
    never secrets, so they may be shown and pickled. Two class variables, each a frozenset of
    field names, say more of them: ``paths`` are files or folders, made absolute when read;
    ``code_only`` may be given to `portable.configure` and nowhere else.

    Attributes:
        prefix: Folder that all keys are in; joined to them with ``/``.
        deadline: Seconds that a call may take, retries included, and each part, page or range of
            a call that sends several. Bodies get a second more for every 16 KiB.
        attempts: How often one request is sent at most.
        concurrency: Parts of one object that are under way at once, 8 MiB of memory each.
    """

    prefix: str = ""
    deadline: float = 120.0
    attempts: int = 6
    concurrency: int = 6

    @property
    def url(self) -> str:
        """The bucket, prefix included, as users write it; shown in errors."""
        raise NotImplementedError

    @property
    def endpoint_id(self) -> str:
        """What shares a retry budget: the server, where several buckets are on one."""
        return self.url

    def problems(self) -> list[str]:
        """What is wrong with these values beyond their types; one sentence each."""
        from portable.storage.keys import check_key  # that package imports this module

        found = []
        if self.prefix.strip("/"):
            try:
                check_key(self.prefix.strip("/"))
            except InvalidKey as error:
                found.append(f"'prefix' is no folder for keys: {error.message}")
        if self.deadline <= 0:
            found.append("'deadline' must be above 0 seconds")
        if self.attempts < 1:
            found.append("'attempts' must be at least 1")
        if not 1 <= self.concurrency <= 256:
            found.append("'concurrency' must be from 1 to 256")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """How a URL becomes settings: ``name://host/path?setting=value``.

    Attributes:
        name: Such as ``"s3"``.
        host: The setting that the host part is for; `None` where it must be empty.
        path: The setting that the path is for, without its first ``/`` where there is a host.
    """

    name: str
    host: str | None
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageService:
    """An adapter's storage.

    Attributes:
        settings: A frozen dataclass, a subclass of `StorageSettings`.
        schemes: The URL schemes that mean this adapter.
        connect: Make a driver from settings; imports the SDK, sends nothing.
    """

    settings: type[StorageSettings]
    schemes: tuple[Scheme, ...]
    connect: Callable[[Any], StorageDriver]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """What the core knows of a provider.

    Attributes:
        name: As written in ``provider = "…"``.
        extra: What to install for its SDK, as in ``pip install 'portable-cloud[extra]'``; empty
            where there is nothing to install.
        storage: `None` where the provider has none.
        credentials: Where its credentials come from, one sentence for people.
        permissions: What the provider calls the permission that an operation needs, by the
            operation: `put`, `get`, `stat`, `list`, `delete`, `multipart`, `abort`, `copy` and
            `sign`. `portable doctor` names what is missing.
    """

    name: str
    extra: str = ""
    storage: StorageService | None = None
    credentials: str = ""
    permissions: Mapping[str, str] = field(default_factory=dict, hash=False)
