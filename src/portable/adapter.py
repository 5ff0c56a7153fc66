"""What an adapter gives, and how it is found.

An adapter is a package with one `Adapter` descriptor, named in the entry-point group
``portable.adapters``. Its SDK is imported by the factories, never by the package itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Self

from portable.errors import InvalidKey

if TYPE_CHECKING:
    from portable.compute.driver import ComputeDriver
    from portable.queue.driver import QueueDriver
    from portable.storage.driver import StorageDriver

ServiceName = Literal["storage", "queue", "compute"]
DEAD_SUFFIX = "-dead"
_QUEUE_NAME = re.compile(r"[a-z](-?[a-z0-9])*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """What every service can be told; an adapter's settings add their own fields.

    Settings are plain values (`str`, `int`, `float`, `bool`, or a `Literal`, each also `| None`),
    never secrets, so they may be shown and pickled. Two class variables, each a frozenset of
    field names, say more of them: ``paths`` are files or folders, made absolute when read;
    ``code_only`` may be given to `portable.configure` and nowhere else.

    Attributes:
        deadline: Seconds that a call may take, retries included, and each part, page or range of
            a call that sends several. Bodies of objects get a second more for every 16 KiB.
        attempts: How often one request is sent at most.
    """

    deadline: float = 120.0
    attempts: int = 6

    @property
    def url(self) -> str:
        """The bucket or queue as users write it; shown in errors."""
        raise NotImplementedError

    @property
    def endpoint_id(self) -> str:
        """What shares a retry budget: the server, where several buckets or queues are on one."""
        return self.url

    def problems(self) -> list[str]:
        """What is wrong with these values beyond their types; one sentence each."""
        found = []
        if self.deadline <= 0:
            found.append("'deadline' must be above 0 seconds")
        if self.attempts < 1:
            found.append("'attempts' must be at least 1")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings(ServiceSettings):
    """What every bucket can be told.

    Attributes:
        prefix: Folder that all keys are in; joined to them with ``/``.
        concurrency: Parts of one object that are under way at once, 8 MiB of memory each.
    """

    prefix: str = ""
    concurrency: int = 6

    def problems(self) -> list[str]:
        from portable.storage.keys import check_key  # that package imports this module

        found = ServiceSettings.problems(self)
        if self.prefix.strip("/"):
            try:
                check_key(self.prefix.strip("/"))
            except InvalidKey as error:
                found.append(f"'prefix' is no folder for keys: {error.message}")
        if not 1 <= self.concurrency <= 256:
            found.append("'concurrency' must be from 1 to 256")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings(ServiceSettings):
    """What every queue can be told.

    Attributes:
        name: Lower-case letters, digits and single dashes, 3 to 50 of them, a letter first: what
            every provider takes.
        lease: Seconds for which `receive` hands a message out, unless the call says otherwise;
            `consume` renews it for as long as a handler runs.
        max_attempts: How often a message is handed out before it goes to the dead letters.
        create: Make the queue, and its dead letters, when they aren't there; else a missing queue
            is `QueueNotFound`.
        payloads: Where bodies go that are too large for the provider: a bucket's name in the
            profile, or its URL; the profile's own storage unless given.
        long_delays: What becomes of a `delay` that is longer than the provider's: ``"refuse"`` it,
            or ``"hold"`` the message: it is handed to consumers' side early, and given back there
            until its time has come.
    """

    name: str = "default"
    lease: float = 30.0
    max_attempts: int = 5
    create: bool = True
    payloads: str | None = None
    long_delays: Literal["refuse", "hold"] = "refuse"

    @property
    def dead_letters(self) -> Self:
        """The same for the queue that dead letters go to: ``NAME-dead``."""
        return replace(self, name=f"{self.name}{DEAD_SUFFIX}")

    def problems(self) -> list[str]:
        found = ServiceSettings.problems(self)
        name = self.name.removesuffix(DEAD_SUFFIX)
        if not _QUEUE_NAME.fullmatch(name) or not 3 <= len(name) <= 50:
            found.append(
                f"'name' {self.name!r} isn't a queue's name: 3 to 50 lower-case letters, digits "
                f"and single dashes, a letter first"
            )
        if self.lease <= 0:
            found.append("'lease' must be above 0 seconds")
        if self.max_attempts < 1:
            found.append("'max_attempts' must be at least 1")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeSettings(ServiceSettings):
    """What every place that runs jobs can be told.

    Attributes:
        storage: Where jobs keep what they are, what they say and what they make: a bucket's name
            in the profile, or its URL; the profile's own storage unless given.
        folder: The folder in it.
        machines: How many machines one array job uses at once, at most.
        image: What machines boot, unless the call says otherwise: a plain name such as
            ``"ubuntu-24.04"``, or the provider's own.
        python: What starts Python 3.9 or later on them, for the runner and for functions: the
            image's ``python3`` unless given.
        setup: A shell command that makes each of them ready, once, before its tasks, such as
            ``"pip install -r requirements.txt"``. It runs beside the files that go along; what it
            says is in the log, and the job ends where it fails.
        heartbeat: Seconds between two signs of life of a job.
        boot: Seconds until a machine must have given its first one.
        usd_per_hour: What an hour of one machine costs, where no price list says so.
        owner: Who pays, as a tag of everything made; the user's name unless given.
    """

    storage: str | None = None
    folder: str = "portable/compute"
    machines: int = 8
    image: str = "ubuntu-24.04"
    python: str | None = None
    setup: str = ""
    heartbeat: float = 10.0
    boot: float = 600.0
    usd_per_hour: float | None = None
    owner: str | None = None

    def problems(self) -> list[str]:
        from portable.storage.keys import check_key  # that package imports this module

        found = ServiceSettings.problems(self)
        try:
            check_key(self.folder)
        except InvalidKey as error:
            found.append(f"'folder' is no folder for keys: {error.message}")
        if not 1 <= self.machines <= 1000:
            found.append("'machines' must be from 1 to 1000")
        if not 0 < self.heartbeat <= 300:
            found.append("'heartbeat' must be above 0 seconds, and at most 300")
        if self.boot <= 0:
            found.append("'boot' must be above 0 seconds")
        if self.usd_per_hour is not None and self.usd_per_hour < 0:
            found.append("'usd_per_hour' must be 0 or more")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """How a URL becomes settings: ``name://host/path?setting=value``.

    Attributes:
        name: Such as ``"s3"``.
        host: The setting that the host part is for; `None` where it must be empty.
        path: The setting that the path is for, without its first ``/`` where there is a host;
            empty where there must be no path.
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
class QueueService:
    """An adapter's queues.

    Attributes:
        settings: A frozen dataclass, a subclass of `QueueSettings`.
        schemes: The URL schemes that mean this adapter's queues.
        connect: Make a driver from settings; imports the SDK, sends nothing.
    """

    settings: type[QueueSettings]
    schemes: tuple[Scheme, ...]
    connect: Callable[[Any], QueueDriver]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeService:
    """An adapter's machines, or its cluster.

    Attributes:
        settings: A frozen dataclass, a subclass of `ComputeSettings`.
        schemes: The URL schemes that mean this adapter's compute.
        connect: Make a driver from settings; imports the SDK, sends nothing.
    """

    settings: type[ComputeSettings]
    schemes: tuple[Scheme, ...]
    connect: Callable[[Any], ComputeDriver]


Service = StorageService | QueueService | ComputeService


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """What the core knows of a provider.

    Attributes:
        name: As written in ``provider = "…"``.
        extra: What to install for its SDK, as in ``pip install 'portable-cloud[extra]'``; empty
            where there is nothing to install.
        storage: `None` where the provider has none.
        queue: `None` where the provider has none.
        compute: `None` where the provider has none.
        credentials: Where its credentials come from, one sentence for people.
        permissions: What the provider calls the permission that an operation needs, by the
            operation: `put`, `get`, `stat`, `list`, `delete`, `multipart`, `abort`, `copy` and
            `sign`. `portable doctor` names what is missing.
        instead: What to do where it lacks a service, by the service: ``{"queue": "use …"}``.
    """

    name: str
    extra: str = ""
    storage: StorageService | None = None
    queue: QueueService | None = None
    compute: ComputeService | None = None
    credentials: str = ""
    permissions: Mapping[str, str] = field(default_factory=dict, hash=False)
    instead: Mapping[str, str] = field(default_factory=dict, hash=False)

    def service(self, name: ServiceName) -> Service | None:
        """One of its services by name; `None` where it has none."""
        return {"storage": self.storage, "queue": self.queue, "compute": self.compute}[name]

    def lacks(self, name: ServiceName) -> str:
        """What to tell a user who wants a service that it hasn't."""
        advice = self.instead.get(name, "")
        return f"provider {self.name!r} has no {name}{': ' if advice else ''}{advice}"
