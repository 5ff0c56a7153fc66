"""Machines without jobs: `compute.instances`, and `Instance`, a handle of one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, get_args

from portable.compute.types import InstanceInfo, InstanceState
from portable.errors import (
    InstanceNotFound,
    InvalidArgument,
    InvalidType,
    NoCapacity,
    Unsupported,
)
from portable.spelling import listed
from portable.values import Seconds, seconds

if TYPE_CHECKING:
    from portable.compute.connection import Connection

LIFETIME_MAX = 365 * 86400.0
LOOK_SECONDS = 2.0
UNKNOWN_SECONDS = 60.0  # so long a provider may not know what it has just started

_NAME = re.compile(r"[a-z](-?[a-z0-9])*")
_TAG = re.compile(r"[a-z0-9_-]{1,63}")


class Instance:
    """One machine.

    Attributes:
        id: The provider's.
        info: As it was when this handle was made, or last looked at.
    """

    def __init__(self, connection: Connection, info: InstanceInfo) -> None:
        self._connection = connection
        self.id = info.id
        self.info = info

    def __repr__(self) -> str:
        return f"Instance({self.id!r}, {self.info.state})"

    def refresh(self) -> InstanceInfo:
        """Look at it now.

        Raises:
            InstanceNotFound: the provider doesn't know it, or no longer.
        """
        connection = self._connection
        with connection.located("get", self.id):
            self.info = _found(connection, self.id)
        return self.info

    def wait(self, state: InstanceState = "running", timeout: Seconds = 600) -> InstanceInfo:
        """Wait until it is in *state*; one that the provider no longer knows is terminated.

        Raises:
            InvalidArgument: there is no such state.
            InstanceNotFound: it has ended, and *state* is another one.
            DeadlineExceeded: it didn't get there within *timeout*.
        """
        from dataclasses import replace

        from portable.compute.waiting import looks

        if state not in get_args(InstanceState):
            raise InvalidArgument(
                f"state is {state!r}; it is one of {listed(get_args(InstanceState))}"
            )
        connection = self._connection
        around = connection.surroundings
        begun = around.clock()
        what = f"the machine {self.id!r} isn't {state}"
        with connection.located("wait", self.id):
            for _ in looks(around, seconds(timeout, "timeout"), what, longest=LOOK_SECONDS):
                found = connection.call(lambda: connection.driver.get(self.id))
                if found is not None:
                    self.info = found
                elif state == "terminated" or around.clock() - begun > UNKNOWN_SECONDS:
                    self.info = replace(self.info, state="terminated", bills=False)
                if self.info.state == state:
                    return self.info
                if self.info.state == "terminated":
                    raise InstanceNotFound(f"it has ended, and wasn't seen {state}")
        raise AssertionError("looks() ends by an error")

    def start(self) -> None:
        """Start it, once it was stopped; returns when the provider has taken it on."""
        Instances(lambda: self._connection).start(self.id)

    def stop(self) -> None:
        """Stop it: its disk stays, and costs."""
        Instances(lambda: self._connection).stop(self.id)

    def terminate(self) -> None:
        """End it for good, and all that was made with it; one that is gone already is fine."""
        Instances(lambda: self._connection).terminate(self.id)


class Instances:
    """A provider's machines."""

    def __init__(self, connection: Callable[[], Connection]) -> None:
        self._current = connection

    def create(
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
    ) -> Instance:
        """Start a machine; return once the provider has taken it on.

        Args:
            name: Lower-case letters, digits and single dashes, a letter first; made by chance
                unless given. No machine that is there should have it: some providers then give
                that one.
            cpus, memory_gib, gpus, gpu, disk_gib, machine, spot: What it needs, of which the
                cheapest is taken; or the provider's own type, as *machine*. See `Needs`.
            image: A plain name or the provider's own; the setting unless given.
            boot: A shell script that it runs as root once it is up.
            tags: Names and values of lower-case letters, digits, ``-`` and ``_``, 63 at most.
            ssh_key: A public key that may log in.
            lifetime: Seconds after which `reap` ends it, and the provider where it can.

        Raises:
            NoCapacity, QuotaExceeded: there is none now; a person has to ask for more.
            InvalidArgument, InvalidType, Unsupported: nothing was started.
        """
        from dataclasses import replace
        from uuid import uuid4

        from portable.compute.choosing import share
        from portable.compute.driver import Launch
        from portable.compute.needs import Needs
        from portable.compute.site import MARK

        connection = self._current()
        with connection.located("create", name or ""):
            able, site = connection.capabilities, connection.site
            needs = Needs(
                cpus=cpus,
                memory_gib=memory_gib,
                gpus=gpus,
                gpu=gpu,
                disk_gib=disk_gib,
                machine=machine,
                spot=spot,
            )
            if spot and not able.spot:
                raise Unsupported("this provider has no spot machines; leave 'spot' out")
            if image is not None and not able.images:
                raise Unsupported("this provider has no images to choose from; leave 'image' out")
            length = seconds(lifetime, "lifetime")
            if not 0 < length <= LIFETIME_MAX:
                raise InvalidArgument(
                    f"lifetime is {length:g} s; it is above 0, and a year at most: a machine without "
                    f"an end would cost without an end"
                )
            script = _script(boot, able.boot_max)
            _check_key(ssh_key)
            ends = str(int(site.clock.now().timestamp() + length))
            marks = {"portable-owner": site.owner(), "portable-deadline": ends, **MARK}
            wanted = Launch(
                name=_name(name, able.name_max),
                token=str(uuid4()),
                needs=needs,
                image=(image or connection.settings.image) if able.images else "",
                boot=script,
                tags={**_tags(tags, able.tags_max - len(marks)), **marks},
                lifetime=length,
                ssh_key=ssh_key,
            )
            last: NoCapacity | None = None
            for choice in share(connection, needs, 1).choices:
                each = replace(
                    wanted,
                    token=str(uuid4()),
                    machine=choice.machine,
                    accelerator=choice.accelerator,
                )
                try:
                    return Instance(connection, site.launch(each))
                except NoCapacity as error:
                    last = error
            assert last is not None  # noqa: S101
            raise last

    def get(self, id: str) -> Instance:
        """One machine.

        Raises:
            InstanceNotFound: the provider doesn't know it, or no longer.
        """
        connection = self._current()
        with connection.located("get", _checked(id)):
            return Instance(connection, _found(connection, id))

    def list(self, tags: Mapping[str, str] | None = None) -> Iterator[Instance]:
        """Machines that `portable` made and that have all of *tags*, those of jobs too."""
        from portable.compute.site import MARK

        connection = self._current()
        with connection.located("list"):
            wanted = {**(tags or {}), **MARK}
            for info in connection.call(lambda: list(connection.driver.list(wanted))):
                yield Instance(connection, info)

    def start(self, id: str) -> None:
        """Start a stopped machine; returns when the provider has taken it on.

        Raises:
            Unsupported: this provider's can't be stopped and started.
        """
        connection = self._current()
        with connection.located("start", _checked(id)):
            _check_stops(connection)
            connection.call(lambda: connection.driver.start(id))

    def stop(self, id: str) -> None:
        """Stop a machine: its disk stays, and costs. Errors as in `start`."""
        connection = self._current()
        with connection.located("stop", _checked(id)):
            _check_stops(connection)
            connection.call(lambda: connection.driver.stop(id))

    def terminate(self, id: str) -> None:
        """End a machine for good; one that is gone already is fine."""
        connection = self._current()
        with connection.located("terminate", _checked(id)):
            connection.call(lambda: connection.driver.terminate(id))


def _found(connection: Connection, id: str) -> InstanceInfo:
    found = connection.call(lambda: connection.driver.get(id))
    if found is None:
        raise InstanceNotFound("the provider knows no such machine, or no longer")
    return found


def _checked(id: object) -> str:
    if not isinstance(id, str):
        raise InvalidType(f"a machine's id is a str, not {type(id).__name__}")
    if not id.isprintable():
        raise InstanceNotFound(f"there is no machine {id!r}, and can't be")
    return id


def _check_key(ssh_key: object) -> None:
    if not isinstance(ssh_key, str):
        raise InvalidType(f"ssh_key is a str, a public key's text, not {type(ssh_key).__name__}")
    if not ssh_key.isprintable():
        raise InvalidArgument("ssh_key is one public key on one line, as in ~/.ssh/id_ed25519.pub")


def _check_stops(connection: Connection) -> None:
    if not connection.capabilities.stops:
        raise Unsupported(
            f"machines of the provider {connection.provider!r} can't be stopped and started again; "
            f"terminate it, and create another one"
        )


def _name(name: str | None, longest: int) -> str:
    import secrets

    if name is None:
        return f"portable-{secrets.token_hex(5)}"
    if not isinstance(name, str):
        raise InvalidType(f"name is a str, not {type(name).__name__}")
    if not _NAME.fullmatch(name) or len(name) > longest:
        raise InvalidArgument(
            f"name is {name!r}; it is made of lower-case letters, digits and single dashes, at "
            f"most {longest}, a letter first"
        )
    return name


def _script(boot: object, longest: int) -> str:
    if not isinstance(boot, str):
        raise InvalidType(f"boot is a str, the script's text, not {type(boot).__name__}")
    script = boot if boot.startswith("#!") else f"#!/bin/sh\n{boot}"
    if len(script.encode()) > longest:
        raise InvalidArgument(
            f"the boot script has {len(script.encode())} bytes, and {longest} is the most here; "
            f"let it fetch the rest"
        )
    return script


def _tags(tags: Mapping[str, str] | None, most: int) -> dict[str, str]:
    for name, value in (tags or {}).items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise InvalidType(f"tags map str to str, unlike {name!r}: {value!r}")
        if name.startswith("portable"):
            raise InvalidArgument(f"the tag {name!r} is portable's own")
        if not _TAG.fullmatch(name) or not _TAG.fullmatch(value):
            raise InvalidArgument(
                f"the tag {name!r}: {value!r} isn't made of lower-case letters, digits, '-' and "
                f"'_', at most 63 each"
            )
    if len(tags or {}) > most:
        raise InvalidArgument(f"there are {len(tags or {})} tags, and {most} is the most here")
    return dict(tags or {})
