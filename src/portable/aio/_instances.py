"""`AsyncInstances`: machines without jobs, awaited; and `AsyncInstance`, a handle of one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from functools import partial

from portable.aio._listing import Ahead
from portable.aio._threads import ask, finish
from portable.compute import Instance, InstanceInfo, Instances
from portable.compute.types import InstanceState
from portable.values import Seconds


class AsyncInstance:
    """An `Instance` for asyncio. Cancelled, a call that waits is left at once.

    Attributes:
        instance: The handle itself.
    """

    __slots__ = ("instance",)

    def __init__(self, instance: Instance) -> None:
        self.instance = instance

    def __repr__(self) -> str:
        return f"Async{self.instance!r}"

    @property
    def id(self) -> str:
        """As `Instance.id`."""
        return self.instance.id

    @property
    def info(self) -> InstanceInfo:
        """As `Instance.info`."""
        return self.instance.info

    async def refresh(self) -> InstanceInfo:
        """As `Instance.refresh`."""
        return await ask(self.instance.refresh)

    async def wait(self, state: InstanceState = "running", timeout: Seconds = 600) -> InstanceInfo:
        """As `Instance.wait`."""
        return await ask(partial(self.instance.wait, state, timeout))

    async def start(self) -> None:
        """As `Instance.start`."""
        await finish(self.instance.start)

    async def stop(self) -> None:
        """As `Instance.stop`."""
        await finish(self.instance.stop)

    async def terminate(self) -> None:
        """As `Instance.terminate`."""
        await finish(self.instance.terminate)


class AsyncInstances:
    """A provider's machines for asyncio: the methods of `Instances`, with the same arguments.

    Cancelled, what changes a machine is waited for; one that a `create` has made is in `list`.

    Attributes:
        instances: The machines themselves.
    """

    __slots__ = ("instances",)

    def __init__(self, instances: Instances) -> None:
        self.instances = instances

    async def create(
        self,
        name: str | None = None,
        *,
        cpus: float = 1,
        memory_gib: float | None = None,
        gpus: int = 0,
        gpu: str | None = None,
        disk_gib: int | None = None,
        machine: str | None = None,
        spot: bool = False,
        image: str | None = None,
        boot: str = "",
        tags: Mapping[str, str] | None = None,
        ssh_key: str = "",
        lifetime: Seconds = 86400,
    ) -> AsyncInstance:
        """As `Instances.create`."""
        made = await finish(
            lambda: self.instances.create(
                name,
                cpus=cpus,
                memory_gib=memory_gib,
                gpus=gpus,
                gpu=gpu,
                disk_gib=disk_gib,
                machine=machine,
                spot=spot,
                image=image,
                boot=boot,
                tags=tags,
                ssh_key=ssh_key,
                lifetime=lifetime,
            )
        )
        return AsyncInstance(made)

    async def get(self, id: str) -> AsyncInstance:
        """As `Instances.get`."""
        return AsyncInstance(await ask(partial(self.instances.get, id)))

    def list(self, tags: Mapping[str, str] | None = None) -> AsyncIterator[AsyncInstance]:
        """As `Instances.list`."""
        return Ahead(map(AsyncInstance, self.instances.list(tags)))

    async def start(self, id: str) -> None:
        """As `Instances.start`."""
        await finish(partial(self.instances.start, id))

    async def stop(self, id: str) -> None:
        """As `Instances.stop`."""
        await finish(partial(self.instances.stop, id))

    async def terminate(self, id: str) -> None:
        """As `Instances.terminate`."""
        await finish(partial(self.instances.terminate, id))
