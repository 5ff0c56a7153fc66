"""What every worker does once: tests make thousands of clients, and some collect garbage."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

import botocore.compat
import botocore.hooks
import botocore.session
import pytest

from portable.testing.descriptors import open_now, settled
from portable.testing.targets.memory import forget_all

MOST_LEFT = 50  # servers that began in a module stay for the next ones: 5 or 6 each


@pytest.fixture(scope="session", autouse=True)
def _one_copy_of_the_service_models() -> Iterator[None]:
    """Each client would read a megabyte of JSON, and look up again what is the same for all:
    0.12 s of the processor's time, and 0.01 s with this.
    """
    shared = botocore.session.create_loader()
    aliaser_class: Any = botocore.hooks.EventAliaser
    aliased = aliaser_class._alias_event_name
    names: dict[str, str] = {}
    known: dict[CodeType, bool] = {}

    def alias(aliaser: botocore.hooks.EventAliaser, name: str) -> str:
        if name not in names:
            names[name] = aliased(aliaser, name)
        return names[name]

    def takes_keywords(handler: Callable[..., Any]) -> Any:
        # By the code: a handler kept here would keep its client, too.
        code = getattr(handler, "__code__", None)
        if code is None:
            return botocore.compat.accepts_kwargs(handler)
        if code not in known:
            known[code] = bool(botocore.compat.accepts_kwargs(handler))
        return known[code]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", lambda *_: shared)
        patch.setattr(aliaser_class, "_alias_event_name", alias)
        patch.setattr(botocore.hooks, "accepts_kwargs", takes_keywords)
        yield


@pytest.fixture(scope="module", autouse=True)
def _fewer_objects_to_look_through() -> None:
    """What is there before a module stays; a case that collects garbage leaves it alone."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_left(
    request: pytest.FixtureRequest, _fewer_objects_to_look_through: None
) -> Iterator[None]:
    """A module that leaves clients or files open fails by name, long before a worker has no
    descriptors left. Objects in memory are dropped.
    """
    most = open_now().total() + MOST_LEFT
    yield
    forget_all()
    if open_now().total() > most:
        gc.collect()  # what was dropped and waits for it is not left
        now = settled(most)
        assert now.total() <= most, f"{request.node.nodeid} leaves too many open: {now}"
