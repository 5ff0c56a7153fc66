"""Starting an attempt: plan, archive, machine, and what it came to, in that order.

Each step is safe to repeat, and may be done by two clients at once: the plan is written once, and
whoever didn't write it waits for who did, then looks for the machine before starting one.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from portable.compute import shortage
from portable.compute.boot import boot_script
from portable.compute.driver import Launch
from portable.compute.ground import folder_of, uses_folder
from portable.compute.manifest import archive_of, lifetime
from portable.compute.records import Launched, Plan
from portable.compute.site import LAUNCH
from portable.errors import InvalidArgument, NoCapacity

if TYPE_CHECKING:
    from portable.compute.choosing import Span
    from portable.compute.looking import Attempt
    from portable.compute.records import Choice, JobRecord
    from portable.compute.site import Site
    from portable.compute.types import InstanceInfo
    from portable.compute.work import Work

ARCHIVE = "job.pyz"
_SPACE = uuid.UUID("9b2f5c2e-2f3a-4d0b-8c1e-6a7f1f0d5b11")


def start(
    site: Site,
    record: JobRecord,
    shard: int,
    number: int,
    tasks: Sequence[int],
    *,
    span: Span,
    work: Work | None = None,
) -> bool:
    """Start an attempt; False where another client is about to.

    Raises:
        NoCapacity, QuotaExceeded: there is no machine for it; the attempt has ended so.
        PortableError: it can't be started.
    """
    shelf = site.shelf
    plan = Plan(
        name=machine_name(site, record, shard, number),
        token=str(uuid.uuid5(_SPACE, f"{record.id} {record.nonce} {shard} {number}")),
        tasks=tuple(tasks),
        seconds=span.seconds,
        lifetime=span.lifetime,
        author=secrets.token_hex(8),
        deadline=site.clock.now().timestamp() + span.lifetime,
    )
    key = shelf.attempt(record.id, shard, number, "plan.json")
    if not shelf.create(key, plan.encoded(), claim=True):
        return False
    _launch_once(site, record, shard, number, plan, work)
    return True


def resume(site: Site, record: JobRecord, attempt: Attempt) -> bool:
    """Go on where who planned an attempt didn't: find its machine, or start it.

    Of several clients that would, one does: it makes the plan its own.

    Returns:
        False while it is left to another client, or where it began and its machine is gone.
    """
    shelf, shard, number = site.shelf, attempt.shard, attempt.number
    planned = attempt.objects["plan.json"]
    if site.is_fresh(planned.last_modified):
        return False
    key = shelf.attempt(record.id, shard, number, "plan.json")
    data = shelf.read(key)
    if data is None:
        return False
    if _is_there(site, record, shard, number):
        return True
    if attempt.has("started.json"):
        return False
    plan = replace(Plan.decoded(data), author=secrets.token_hex(8))
    if not shelf.take_over(key, plan.encoded(), planned):
        return False
    _launch_once(site, record, shard, number, plan, None)
    return True


def _is_there(site: Site, record: JobRecord, shard: int, number: int) -> bool:
    """Did another client start this attempt's machine, and never tell? It is told of then."""
    for machine in site.machines(record, shard, number):
        if machine.state != "terminated":
            chosen = (each for each in record.choices if each.machine == machine.machine)
            _note(site, record, shard, number, machine, next(chosen, record.choices[0]))
            return True
    return False


def machine_name(site: Site, record: JobRecord, shard: int, number: int) -> str:
    """The same for every client; short enough for the provider, and no other job's.

    There may be a job of this name in other storage, and there may have been one here.
    """
    name = f"portable-{record.id}-{record.nonce[:6]}-{shard}-{number}"
    if len(name) <= site.able.name_max:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()
    return f"portable-{digest}"[: site.able.name_max]


def _launch_once(
    site: Site, record: JobRecord, shard: int, number: int, plan: Plan, work: Work | None
) -> None:
    able = site.shelf.bucket.capabilities
    if not (able.put_if_absent and able.put_if_match) and _is_there(site, record, shard, number):
        return  # the claim was no proof: another client may have been much slower
    _launch(site, record, shard, number, plan, work)


def _launch(
    site: Site, record: JobRecord, shard: int, number: int, plan: Plan, work: Work | None
) -> None:
    shelf = site.shelf
    key = shelf.attempt(record.id, shard, number, ARCHIVE)
    work = work or site.work(record)
    body = archive_of(site.connection, shelf, record, work, shard, number, plan)
    shelf.bucket.put(key, body, content_type="application/zip")
    wanted = Launch(
        name=plan.name,
        token=plan.token,
        needs=record.needs,
        image=record.image,
        boot=_boot(site, plan, key, min(record.boot, plan.lifetime)),
        tags=site.tags(record, shard, number, plan.deadline),
        lifetime=plan.lifetime,
    )
    try:
        machine, choice = _first(site, record, wanted)
    except shortage.REFUSED as error:
        shelf.bucket.delete(key)
        shortage.note(site, record, shard, number, error)
        raise
    _note(site, record, shard, number, machine, choice)


def _boot(site: Site, plan: Plan, key: str, boot: float) -> str:
    """The boot script. Others may read it: its URL is good for the *boot* seconds, and a margin."""
    bucket = site.connection.bucket
    local = uses_folder(site.connection)
    where = (
        folder_of(bucket, key) or ""
        if local
        else str(bucket.sign(key, expires=lifetime(bucket, boot)))
    )
    script = boot_script(
        archive=where,
        is_path=local,
        python=site.connection.settings.python or site.able.python,
        lifetime=plan.lifetime,
        machine=site.able.ends != "script",
    )
    if len(script.encode()) > site.able.boot_max:
        raise InvalidArgument(
            f"the boot script has {len(script.encode())} bytes, and {site.able.boot_max} is the "
            f"most of this provider; a shorter 'folder' or name makes its URL shorter",
            operation=LAUNCH,
        )
    return script


def _first(site: Site, record: JobRecord, wanted: Launch) -> tuple[InstanceInfo, Choice]:
    """Start the first machine that there is."""
    refused: list[str] = []
    for place, choice in enumerate(record.choices):
        each = replace(
            wanted,
            token=str(uuid.uuid5(uuid.UUID(wanted.token), str(place))),
            machine=choice.machine,
            accelerator=choice.accelerator,
        )
        try:
            return site.launch(each), choice
        except NoCapacity as error:
            refused.append(f"{choice.machine or 'it'}: {error.message}")
            last = error
    raise NoCapacity(
        f"none of the machines that would do is free now ({'; '.join(refused)}). Try later, "
        f"another region, without spot, or ask for less",
        operation=LAUNCH,
        retryable=False,
    ) from last


def _note(
    site: Site, record: JobRecord, shard: int, number: int, machine: InstanceInfo, choice: Choice
) -> None:
    """Write down which machine it is; where the job ended meanwhile, end the machine."""
    shelf = site.shelf
    noted = Launched(id=machine.id, choice=choice).encoded()
    shelf.write(shelf.attempt(record.id, shard, number, "launched.json"), noted)
    if shelf.bucket.exists(shelf.job(record.id, "result.json")):
        site.terminate(machine.id)
