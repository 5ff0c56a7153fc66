"""The error tree."""

from __future__ import annotations

import builtins
import pickle

import pytest

from portable import errors
from portable.errors import PortableError

ALL = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, PortableError)
]
BUILT_IN = {
    "AlreadyExists": FileExistsError,
    "BucketNotFound": FileNotFoundError,
    "QueueNotFound": FileNotFoundError,
    "DeadlineExceeded": TimeoutError,
    "InvalidArgument": ValueError,
    "InvalidKey": ValueError,
    "InvalidType": TypeError,
    "MissingDependency": ImportError,
    "NoSpace": OSError,
    "NotFound": FileNotFoundError,
    "PermissionDenied": PermissionError,
    "Unavailable": ConnectionError,
}


@pytest.mark.parametrize("kind", ALL)
def test_an_error_travels_between_processes_whole(kind: type[PortableError]) -> None:
    """All that it knows goes along."""
    error = kind("why", provider="p", operation="put", resource="p://b/k", ambiguous=True)
    error.retry_after = 2.5
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == "put p://b/k: why [p]"
    assert vars(copy) == vars(error)


@pytest.mark.parametrize("kind", ALL)
def test_an_error_is_also_the_built_in_that_it_means(kind: type[PortableError]) -> None:
    """So that code written for files goes on working."""
    others = [base for base in kind.__mro__ if vars(builtins).get(base.__name__) is base]
    assert issubclass(kind, BUILT_IN.get(kind.__name__, Exception))
    assert Exception in others


def test_the_docstring_draws_the_whole_tree() -> None:
    """No class is missing from the picture."""
    assert errors.__doc__ is not None
    assert all(kind.__name__ in errors.__doc__ for kind in ALL)


def test_where_it_happened_is_filled_in_once() -> None:
    """The innermost knows best."""
    error = PortableError("why", operation="get")
    error.located(provider="p", operation="copy", resource="r")
    assert (error.provider, error.operation, error.resource) == ("p", "get", "r")


def test_only_what_may_pass_is_retryable() -> None:
    """By class; one error may say otherwise."""
    assert {kind.__name__ for kind in ALL if kind.retryable} == {
        "NoCapacity",
        "Throttled",
        "Unavailable",
    }
    assert not errors.Unavailable("x", retryable=False).retryable
