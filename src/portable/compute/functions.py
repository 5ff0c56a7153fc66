"""Functions and their items on the way out; results are never unpickled."""

from __future__ import annotations

import base64
import binascii
import inspect
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from portable.compute.arguments import name_of
from portable.compute.records import loaded
from portable.errors import IntegrityError, InvalidArgument, MissingDependency

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_registering = threading.RLock()  # cloudpickle's list of modules is the process's


@dataclass(frozen=True, slots=True)
class Pickled:
    """A function and, where it is called with any, its items."""

    function: bytes
    items: tuple[bytes, ...] | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call came to: a value, or *error*."""

    index: int
    value: Any = None
    error: str = ""
    traceback: str = ""


def pickled(function: Callable[..., Any], items: Iterable[Any] | None) -> Pickled:
    """Pickle a function by its content, where its module isn't installed, and its items.

    Raises:
        MissingDependency: cloudpickle isn't installed.
        InvalidArgument: one of them can't be pickled, or the function can't be called so.
    """
    _check_call(function, each=items is not None)
    try:
        import cloudpickle
    except ModuleNotFoundError as error:
        raise MissingDependency(
            "functions are sent by cloudpickle: pip install cloudpickle"
        ) from error

    def dumped(value: Any, what: str) -> bytes:
        try:
            data: bytes = cloudpickle.dumps(value)
        except Exception as error:  # an object's own methods raise what they like
            said = f"{type(error).__name__}: {error}"
            raise InvalidArgument(f"{what} can't be pickled: {said}") from error
        return data

    with _by_value(cloudpickle, function):
        body = dumped(function, "the function")
        if items is None:
            return Pickled(body, None)
        return Pickled(
            body, tuple(dumped(item, f"item {index}") for index, item in enumerate(items))
        )


def _check_call(function: Callable[..., Any], *, each: bool) -> None:
    """Raise where the call can only fail; *each*: it is called with one item."""
    try:
        # A wrapper takes what it takes, not what it was made from.
        signature = inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):  # some of those that are written in C
        return
    try:
        signature.bind(*([None] if each else []))
    except TypeError as error:
        how = "with one item" if each else "without arguments"
        if not each:
            advice = "give it what it needs: functools.partial(f, …)"
        elif any(one.kind in _POSITIONAL for one in signature.parameters.values()):
            advice = "where it takes several arguments, write lambda item: f(*item)"
        else:
            advice = "give it a parameter for the item"
        raise InvalidArgument(f"{name_of(function)} is called {how}: {error}; {advice}") from None


@contextmanager
def _by_value(cloudpickle: Any, function: Callable[..., Any]) -> Iterator[None]:
    """A module of the working directory isn't on the machine: its functions go along whole."""
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    if module is None or module.__name__ == "__main__" or not _is_here(module):
        yield
        return
    with _registering:
        if module.__name__ in cloudpickle.list_registry_pickle_by_value():
            yield  # by the user, who wants it to stay
            return
        cloudpickle.register_pickle_by_value(module)
        try:
            yield
        finally:
            cloudpickle.unregister_pickle_by_value(module)


def _is_here(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    if not file:
        return False
    path = os.path.realpath(file)
    return path.startswith(os.path.realpath(os.curdir) + os.sep) and "site-packages" not in path


def outcome_of(line: bytes) -> Outcome:
    """Read one line of results.

    Raises:
        IntegrityError: it isn't what the contract says.
    """
    said = loaded(line)
    try:
        index = int(said["index"])
        if "error" in said:
            return Outcome(
                index, error=str(said["error"]), traceback=str(said.get("traceback", ""))
            )
        if "bytes" in said:
            return Outcome(index, base64.b64decode(said["bytes"], validate=True))
        return Outcome(index, said["json"])
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise IntegrityError(f"a result isn't what it should be: {error!r}") from error
