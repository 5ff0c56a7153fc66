"""What an adapter implements for compute: mechanism only.

A job runs the same way everywhere: the core writes what it is to storage, and makes a short boot
script that fetches and runs it (docs/compute.md). A driver only starts that script on a machine of
its own, says whether the machine is still there, and ends it. A cloud's machine, a subprocess, a
Ray job and a Kubernetes job are all machines here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from portable.compute.needs import Needs
from portable.compute.types import InstanceInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeCapabilities:
    """What one place's machines can do, checked before anything is sent.

    Attributes:
        region: Where its machines are, by the catalogue's name for it: there the core chooses a
            type of machine and knows its price. `None` where needs are met as they are, by this
            machine or by a cluster.
        stops: Can a machine be stopped without cost of its processors, and started again?
        spot: Are there machines that are cheaper, and may be taken away?
        images: Is the image chosen by name?
        ends: How a machine's bill ends when nobody is left to end it: with the boot script, as on
            this machine and in a cluster (``"script"``); because the machine's own ``poweroff``
            ends it (``"poweroff"``); by a deadline that the provider keeps (``"deadline"``); or
            not at all, so that `reap` must run somewhere (``"reap"``).
        idempotent: Does a second launch with the same token or name find the first one's machine?
            Where it doesn't, the core looks for the name before it launches.
        boot_max: Bytes of the longest boot script.
        name_max: Characters of the longest name; letters a to z, digits and single dashes.
        tags_max: Tags that a machine can have.
        python: What starts Python 3.9 or later on its machines.
        cpus: Processors that all its machines share, as those of one machine do: an array's tasks
            are then one machine's, as many at once as there is room for. `None` where each has
            its own.
        files: Do its machines see this machine's files, so that storage in a folder will do?
        cross_process: Do other processes see what this one launches?
        maps: Does it call a function with many items by itself, as a `MapDriver`?
        notice: Where a spot machine learns that it will be taken away, as the manifest has it
            (docs/compute-contract.md); `None` where SIGTERM alone tells it.
    """

    region: str | None = None
    stops: bool = False
    spot: bool = False
    images: bool = False
    ends: Literal["script", "poweroff", "deadline", "reap"]
    idempotent: bool
    boot_max: int
    name_max: int = 63
    tags_max: int = 10
    python: str = "python3"
    cpus: float | None = None
    files: bool = False
    cross_process: bool = True
    maps: bool = False
    notice: Mapping[str, Any] | None = field(default=None, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A machine that is wanted.

    Attributes:
        name: No other machine of this place has it; lower-case letters, digits and single dashes,
            a letter first, at most `capabilities.name_max`.
        token: A UUID, the same when the launch is sent again after a lost answer.
        needs: Met as they are where `capabilities.region` is `None`.
        machine: The provider's type of machine; empty where there are none.
        accelerator: The provider's name of what is added to the machine, `needs.gpus` times;
            empty where the machine has all.
        image: A plain name or the provider's own; empty where `capabilities.images` is false.
        boot: What the machine runs once it is up: a shell script, with its first line.
        tags: Names and values are lower-case letters, digits, dashes and ``_``, at most 63 each.
        lifetime: Seconds after which the provider ends the machine, where it can.
        ssh_key: A public key that may log in; empty for none.
    """

    name: str
    token: str
    needs: Needs
    machine: str = ""
    accelerator: str = ""
    image: str = ""
    boot: str = field(repr=False)  # has a signed URL
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    lifetime: float
    ssh_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """A function that is to be called with many items.

    Attributes:
        function: By cloudpickle.
        items: Each by cloudpickle; one is what one call is given.
        needs: Of one call.
        env: Variables that a call is to see.
        timeout: Seconds for all of them together.
        retries: How often a call is made again whose machine or process was lost.
    """

    function: bytes
    items: tuple[bytes, ...]
    needs: Needs
    env: Mapping[str, str] = field(default_factory=dict, hash=False, repr=False)
    timeout: float
    retries: int


class ComputeDriver(Protocol):
    """One place that machines are started in. Safe to call from many threads.

    Methods raise only `portable.errors`, with `retryable` and `ambiguous` set: `QuotaExceeded`
    where a person has to ask for more, `NoCapacity` where another type or zone may be free,
    `InvalidArgument` for a type, an image or a zone that there isn't.
    """

    @property
    def capabilities(self) -> ComputeCapabilities:
        """Constant for the driver's life."""

    @property
    def native(self) -> Any:
        """The SDK's own client."""

    def launch(self, wanted: Launch) -> InstanceInfo:
        """Start a machine; return once the provider has taken it on, not when it is up.

        All that is made with it (disks, addresses, interfaces) ends with it. Where the script's
        end, a power-off or a deadline can end it, that is asked for.
        """

    def get(self, id: str) -> InstanceInfo | None:
        """Describe one machine; `None` where the provider doesn't know it, or no longer."""

    def list(self, tags: Mapping[str, str]) -> Iterator[InstanceInfo]:
        """Every machine that has all of these tags, and isn't terminated or is so since lately.

        What a machine left behind, and costs, is told of too, as a `stopped` one.
        """

    def start(self, id: str) -> None:
        """Start a stopped machine. Called only where `capabilities.stops`."""

    def stop(self, id: str) -> None:
        """Stop a machine, its processors' cost too. Called only where `capabilities.stops`."""

    def terminate(self, id: str) -> None:
        """End a machine and all that was made with it; one that is gone already is fine.

        Returns once the provider has taken it on.
        """

    def close(self) -> None:
        """Drop connections; machines go on. The driver isn't used afterwards."""


class MapDriver(ComputeDriver, Protocol):
    """A place that calls functions itself, faster than a job would; `capabilities.maps` says so."""

    def map(self, calls: Calls) -> Iterator[bytes]:
        """Lines of results as docs/compute-contract.md has them, in the items' order, as they come.

        Closing the iterator ends the calls that are left.

        Raises:
            JobFailed: from the iterator: a call never answered. *reason* is ``"lost"``,
                ``"timeout"`` or ``"refused"``, and *index* is its item's.
        """
