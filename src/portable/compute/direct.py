"""`map` by a place's own means, where it has some and no more than the calls is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from portable.compute import arguments
from portable.compute.driver import Calls
from portable.compute.functions import outcome_of, pickled
from portable.compute.reading import TAIL_LINES
from portable.errors import JobFailed

if TYPE_CHECKING:
    from portable.compute.asking import Asked
    from portable.compute.connection import Connection
    from portable.compute.driver import MapDriver


def suits(connection: Connection, asked: Asked) -> bool:
    """Can the place do it by itself? Names, files and limits of money are a job's."""
    if not connection.capabilities.maps:
        return False
    needs = asked.needs
    a_jobs = (asked.name, asked.image, asked.max_usd, asked.inputs, asked.outputs, asked.files)
    return not (needs.spot or needs.machine or any(each is not None for each in a_jobs))


def results(connection: Connection, asked: Asked) -> Iterator[Any]:
    """Each call's value, in order; nothing is called before the first is asked for.

    Raises:
        InvalidArgument, InvalidType, Unsupported: it can't be done; from the call itself.
        JobFailed: from the iterator: a call raised, or was lost.
    """
    assert asked.items is not None  # noqa: S101
    assert callable(asked.command)  # noqa: S101
    with connection.located("map"):
        call = pickled(asked.command, asked.items)
        calls = Calls(
            function=call.function,
            items=call.items or (),
            needs=asked.needs,
            env=arguments.check_env(asked.env),
            timeout=arguments.check_timeout(asked.timeout),
            retries=arguments.check_retries(asked.retries),
        )
        lines = cast("MapDriver", connection.driver).map(calls)
    return _values(connection, arguments.name_of(asked.command), lines)


def _values(connection: Connection, name: str, lines: Iterator[bytes]) -> Iterator[Any]:
    with connection.located("map", name):
        for line in lines:
            outcome = outcome_of(line)
            if outcome.error:
                log = outcome.traceback.splitlines()[-TAIL_LINES:]
                text = f"{name}, called for item {outcome.index}, raised {outcome.error}"
                told = "".join(f"\n  {each}" for each in log)
                raise JobFailed(f"{text}\nThe end of it:{told}", index=outcome.index, log=log)
            yield outcome.value
