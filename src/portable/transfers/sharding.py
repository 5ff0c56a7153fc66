"""A transfer cut into ranges of keys, each to be done by another process or machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from portable.errors import NotFound
from portable.transfers.engine import Plan

SAMPLES = 4096


def shards(plan: Plan, wanted: int) -> Sequence[Plan]:
    """Cut *plan* into at most *wanted* plans of about as many source keys each.

    The source is listed once for that; what is remembered of it doesn't grow with it. Together
    the ranges are all keys, so that a `delete` misses none.

    Raises:
        NotFound: the source is empty, and the plan doesn't allow that.
    """
    plan.check()
    sampled = _sampled(plan)
    if not sampled and not plan.allow_empty:
        raise NotFound(
            f"there is nothing in {plan.source} that takes part, so nothing was done; "
            f"allow_empty=True (--allow-empty) if that is meant"
        )
    count = max(1, min(wanted, len(sampled)))
    cuts = [sampled[len(sampled) * number // count] for number in range(1, count)]
    edges: list[str | None] = ["", *dict.fromkeys(cuts), None]
    return [replace(plan, after=after or "", until=until) for after, until in pairwise(edges)]


def _sampled(plan: Plan) -> list[str]:
    """Names of the source, evenly: every n-th, n doubled each time there are too many."""
    names: list[str] = []
    step = 1
    for number, item in enumerate(plan.listed(plan.source)):
        if number % step == 0 and item.problem is None:
            names.append(item.name)
            if len(names) == SAMPLES:
                names, step = names[::2], step * 2
    return names
