"""What child processes do. Importable by name, so that a spawned one finds it."""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Callable
from typing import Any

from portable.errors import PortableError
from portable.storage import Bucket
from portable.testing.conformance.base import LARGE, content
from portable.testing.conformance.conditions import increment

SECONDS = 60.0
INCREMENTS = 8


def run(method: str, work: Callable[[Any], Any], given: Any) -> Any:
    """Run *work* in a new process and return what it returns; raise when it fails or hangs."""
    context: Any = multiprocessing.get_context(method)
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_answer, args=(there, work, given))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads is what we test
        child.start()
    there.close()
    try:
        if not here.poll(SECONDS):
            raise AssertionError(f"the {method}ed child gave no answer in {SECONDS:.0f} s")
        done, answer = here.recv()
    except EOFError:
        raise AssertionError(f"the {method}ed child ended without an answer") from None
    finally:
        here.close()
        child.join(5)
        if child.is_alive():
            child.kill()
            child.join()
    if not done:
        raise AssertionError(f"the {method}ed child failed: {answer}")
    return answer


def _answer(pipe: Any, work: Callable[[Any], Any], given: Any) -> None:
    try:
        pipe.send((True, work(given)))
    except BaseException as error:
        pipe.send((False, repr(error)))
        raise
    finally:
        pipe.close()


def read_and_write(bucket: Bucket) -> dict[str, Any]:
    """Read what the parent stored and store something."""
    found = {"small": bucket.get("small"), "large": len(bucket.get("large"))}
    bucket.put("child-small", b"from the child", if_absent=bucket.capabilities.put_if_absent)
    with bucket.open("child-large", "wb") as file:
        file.write(content(LARGE))
    return found


def read(bucket: Bucket) -> int:
    """Read a large object."""
    return len(bucket.get("key"))


def drop(file: Any) -> None:
    """Abort the copy of a writer that the parent has."""
    file.abort()


def count(bucket: Bucket) -> int:
    """Add to a counter."""
    for _ in range(INCREMENTS):
        increment(bucket)
    return INCREMENTS


def refusal(bucket: Bucket) -> tuple[str, str]:
    """Try to read; the error's class and text."""
    try:
        bucket.get("key")
    except PortableError as error:
        return type(error).__name__, str(error)
    return "no error", ""
