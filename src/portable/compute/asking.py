"""What a caller asks for, checked: everything about a job but who runs it where."""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from portable.compute import arguments, choosing, sending
from portable.compute import inputs as finding
from portable.compute.functions import pickled
from portable.compute.ground import uses_folder
from portable.compute.needs import Needs
from portable.compute.records import JobRecord
from portable.compute.work import Work
from portable.errors import AlreadyExists, InvalidArgument, Unsupported
from portable.values import Seconds

if TYPE_CHECKING:
    from portable.compute.site import Site

# scrypt, of https://www.rfc-editor.org/rfc/rfc7914: 4 MiB and some 20 ms for each guess.
_COST, _BLOCK = 2**12, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Arguments of `Compute.submit`, not yet checked."""

    command: str | Sequence[str] | Callable[..., object]
    items: Iterable[Any] | None
    name: str | None
    needs: Needs
    image: str | None
    env: Mapping[str, str] | None = field(repr=False)
    inputs: Mapping[str, str] | None
    outputs: Mapping[str, str] | None
    files: Iterable[str | os.PathLike[str]] | None
    timeout: Seconds
    retries: int
    max_usd: float | None
    count: int


def prepare(site: Site, asked: Asked) -> tuple[JobRecord, Work]:
    """Check what was asked for; look at storage, send nothing.

    Raises:
        InvalidArgument, InvalidType, Unsupported: it can't be done.
        NotFound: there is nothing at one of the inputs.
    """
    connection = site.connection
    settings = connection.settings
    name = None if asked.name is None else arguments.check_name(asked.name)
    _check_machine(site, asked)
    timeout = arguments.check_timeout(asked.timeout)
    max_usd = arguments.check_money(asked.max_usd)
    env = arguments.check_env(asked.env)
    reads = arguments.check_places(asked.inputs, "inputs")
    function = None if isinstance(asked.command, str | Sequence) else asked.command
    if function is not None and not callable(function):
        arguments.command_of(function)  # says what a command is
    call = None if function is None else pickled(function, asked.items)
    count = (
        len(call.items)
        if call is not None and call.items is not None
        else arguments.check_tasks(asked.count)
    )
    writes = arguments.check_outputs(asked.outputs, count=count, ours=settings.folder)
    command = () if function is not None else arguments.command_of(asked.command)
    words = "" if function is not None else asked.command
    sent = sending.collect(words, asked.files, elsewhere=[*reads, *writes])  # type: ignore[arg-type]
    _check_apart(sent.files, reads)
    uses_folder(connection)  # or says why no job can be kept there
    dealt, span = choosing.span(
        connection, choosing.share(connection, asked.needs, count), timeout, max_usd
    )
    work = Work(env=env, inputs=finding.find(connection.bucket, reads), sent=sent, call=call)
    nonce = secrets.token_hex(8)
    digests = work.digests()
    if env and name is not None:  # others can't be submitted again
        digests["env"] = digest_of_env(env, nonce)
    record = JobRecord(
        id=name or made_up(site.now()),
        created=site.now(),
        place=site.place,
        nonce=nonce,
        owner=site.owner(),
        command=command,
        function=arguments.name_of(function) if function is not None else "",
        calls_items=call is not None and call.items is not None,
        python=tuple(sys.version_info[:2]) if call is not None else (),
        needs=asked.needs,
        image=(asked.image or settings.image) if site.able.images else "",
        setup=settings.setup,
        env=tuple(sorted(env)),
        inputs=reads,
        outputs=writes,
        files=tuple(sorted(sent.files)),
        digests=digests,
        timeout=timeout,
        retries=arguments.check_retries(asked.retries),
        max_usd=max_usd,
        count=count,
        seconds=span.seconds,
        lifetime=span.lifetime,
        heartbeat=settings.heartbeat,
        boot=settings.boot,
        shards=dealt.shards,
        slots=dealt.slots,
        choices=dealt.choices,
    )
    return record, work


def check_same(there: JobRecord, here: JobRecord, work: Work) -> None:
    """Two jobs of one name have to be the same work.

    Raises:
        AlreadyExists: they aren't; the text says in what.
    """
    differ = [
        f"{what} is {getattr(there, field)!r} there and {getattr(here, field)!r} here"
        for field, what in _COMPARED.items()
        if getattr(there, field) != getattr(here, field)
    ]
    digests = dict(here.digests)
    if work.env:
        digests["env"] = digest_of_env(work.env, there.nonce)
    differ += [
        f"{what} differs"
        for part, what in _CONTENTS.items()
        if there.digests.get(part) != digests.get(part)
    ]
    if differ:
        raise AlreadyExists(
            f"there is a job {there.id!r} that does other work: {'; '.join(differ)}. Give this one "
            f"another name"
        )


def made_up(now: float) -> str:
    """A name for a job that was given none, from time and chance."""
    import time

    when = time.strftime("%m%d-%H%M%S", time.gmtime(now))
    return f"job-{when}-{secrets.token_hex(3)}"


def digest_of_env(env: Mapping[str, str], salt: str) -> str:
    """What tells values apart that must not be known: slow on purpose."""
    text = "\0".join(f"{name}={env[name]}" for name in sorted(env))
    return hashlib.scrypt(text.encode(), salt=salt.encode(), n=_COST, r=_BLOCK, p=1, dklen=16).hex()


_COMPARED = {
    "command": "command",
    "function": "function",
    "needs": "what is needed",
    "image": "image",
    "env": "env",
    "inputs": "inputs",
    "outputs": "outputs",
    "files": "files",
    "timeout": "timeout",
    "retries": "retries",
    "max_usd": "max_usd",
    "count": "count",
}
_CONTENTS = {
    "files": "the content of files",
    "function": "the function, or one of its items,",
    "env": "a value in env",
}


def _check_machine(site: Site, asked: Asked) -> None:
    able, provider = site.able, site.connection.provider
    if asked.needs.spot and not able.spot:
        raise Unsupported(f"the provider {provider!r} has no spot machines; leave 'spot' out")
    if asked.image is not None and not able.images:
        raise Unsupported(
            f"the provider {provider!r} has no images to choose from; leave 'image' out"
        )


def _check_apart(files: Iterable[str], reads: Mapping[str, str]) -> None:
    for name in files:
        for path in reads:
            if name == path or name.startswith(f"{path}/") or path.startswith(f"{name}/"):
                raise InvalidArgument(
                    f"both a file that goes along and an input would be {name!r}; name one of "
                    f"them otherwise"
                )
