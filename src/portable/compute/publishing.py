"""Outputs, from where a machine stored them to where they belong.

What a machine says is what a stranger says: a name that leads elsewhere is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from portable.compute.arguments import INDEX, check_target
from portable.errors import InvalidArgument, InvalidKey, NotFound, PortableError
from portable.threads import ContextThreads

if TYPE_CHECKING:
    from portable.compute.looking import Attempt
    from portable.compute.records import JobRecord
    from portable.compute.reports import Stored
    from portable.compute.site import Site

COPIES = 8
PIECE = 1024 * 1024


@dataclass(slots=True)
class Published:
    """Where outputs are now, and what was wrong with the rest."""

    keys: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def publish(site: Site, record: JobRecord, made: list[tuple[Attempt, Stored]]) -> Published:
    """Copy outputs to where they belong; doing it again does no harm.

    Raises:
        PortableError: storage failed in a way that may pass; some are copied.
    """
    found = Published()
    wanted: list[tuple[Attempt, Stored, str]] = []
    for attempt, stored in made:
        try:
            wanted.append((attempt, stored, target_of(record, stored, site.shelf.folder)))
        except (InvalidArgument, InvalidKey) as error:
            found.problems.append(f"the output {stored.path!r} was refused: {error.message}")
    times = Counter(target for _, _, target in wanted)
    for attempt, stored, target in wanted:
        if times[target] > 1:
            found.problems.append(
                f"the output {stored.path!r} isn't the only one that would be {target!r}. It is "
                f"kept as {_source(site, record, attempt, stored)!r}"
            )
    wanted = [each for each in wanted if times[each[2]] == 1]
    if not wanted:
        return found

    def one(each: tuple[Attempt, Stored, str]) -> str:
        attempt, stored, target = each
        return _place(site, record, attempt, stored, target)

    with ContextThreads(COPIES, thread_name_prefix="portable-publish") as pool:
        for (_, _, target), problem in zip(wanted, pool.map(one, wanted), strict=True):
            if problem:
                found.problems.append(problem)
            else:
                found.keys.append(target)
    found.keys.sort()
    return found


def target_of(record: JobRecord, stored: Stored, ours: str) -> str:
    """The key that a file belongs to.

    Raises:
        InvalidArgument: it isn't below any of the job's outputs, or of another task.
        InvalidKey: its name can't be a key.
    """
    if not 0 <= stored.task < record.count:
        raise InvalidArgument(f"there is no task {stored.task}")
    for path, target in record.outputs.items():
        if stored.path == path or stored.path.startswith(f"{path}/"):
            rest = stored.path.removeprefix(path)
            key = check_target(target.replace(INDEX, str(stored.task)) + rest, ours)
            home = target.replace(INDEX, str(stored.task))
            if key != home and not key.startswith(f"{home}/"):
                break
            return key
    raise InvalidArgument("it is below none of the job's outputs")


def _place(site: Site, record: JobRecord, attempt: Attempt, stored: Stored, target: str) -> str:
    """Put one file where it belongs; what is wrong with it, or nothing."""
    info = attempt.objects.get(f"out/{stored.slot}")
    if info is None:
        return f"the output {stored.path!r} isn't where its machine says it is"
    bucket = site.shelf.bucket
    source = _source(site, record, attempt, stored)
    try:
        if stored.offset is not None:
            bucket.put(target, _pieces(site, source, stored.offset, stored.size))
        elif info.size != stored.size:
            return f"the output {stored.path!r} has {info.size} bytes, and {stored.size} were made"
        else:
            bucket.copy(source, target)
    except PortableError as error:
        if error.retryable or isinstance(error, NotFound):
            raise
        return (
            f"the output {stored.path!r} couldn't be stored as {target!r}: {error.message} It is "
            f"kept as {source!r}"
        )
    return ""


def _source(site: Site, record: JobRecord, attempt: Attempt, stored: Stored) -> str:
    return site.shelf.attempt(record.id, attempt.shard, attempt.number, f"out/{stored.slot}")


def _pieces(site: Site, source: str, offset: int, size: int) -> Iterator[bytes]:
    with site.shelf.bucket.open(source) as file:
        file.seek(offset)
        while size > 0 and (piece := file.read(min(PIECE, size))):
            size -= len(piece)
            yield piece
