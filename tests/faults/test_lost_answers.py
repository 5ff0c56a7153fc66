"""Conditional writes whose answer is lost: the verdict is the right one, or "unknown"."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from portable.errors import AlreadyExists, OutcomeUnknown, PreconditionFailed
from portable.storage import Bucket
from portable.testing.faults import Fault, Request

from .report import FIGURES
from .scenes import MIB
from .stage import ATTEMPTS, Stage
from .targets import each_target

Condition = Literal["if_absent", "if_match"]
CONDITIONS: tuple[Condition, ...] = ("if_absent", "if_match")
SIZES = {"put": 100, "commit": 8 * MIB + 1}
STORY_NAMES = (
    "lost once",
    "lost but for the last time",
    "lost for ever",
    "lost, the condition false",
    "conflict once, then lost",
    "lost, then overwritten",
    "lost, then removed",
    "lost, then overwritten, read back in vain",
)
FORMS = len(STORY_NAMES) * len(CONDITIONS) * len(SIZES)
_numbers = itertools.count(1)


@dataclass
class Round:
    """One conditional write.

    Attributes:
        ours: What it writes.
        theirs: What another writer writes.
    """

    stage: Stage
    story: str
    condition: Condition
    kind: str
    key: str
    ours: bytes
    theirs: bytes

    def write(self, bucket: Bucket) -> str:
        """Return the verdict in one word."""
        options: dict[str, Any] = {"if_absent": True}
        if self.condition == "if_match":
            options = {"if_match": self._before()}
        elif self.story == "lost, the condition false":
            self._put(self.theirs)
        self._arm()
        try:
            info = bucket.put(self.key, self.ours, **options)
        except (AlreadyExists, PreconditionFailed, OutcomeUnknown) as error:
            return type(error).__name__
        assert info.revision == self.stage.store.revision(self.key)
        return "stored"

    def _before(self) -> str:
        self._put(b"before")
        revision = self.stage.store.revision(self.key)
        if self.story == "lost, the condition false":
            self._put(self.theirs)
        return revision

    def _put(self, data: bytes) -> None:
        with self.stage.unharmed() as bucket:
            bucket.put(self.key, data)

    def _arm(self) -> None:
        proxy = self.stage.proxy
        proxy.clear()
        last = "put" if self.kind == "put" else self.stage.dialect.publishes
        is_ours = self.stage.is_kind(last)

        def overwrite(_: Request) -> None:
            self._put(self.theirs)

        def remove(_: Request) -> None:
            with self.stage.unharmed() as bucket:
                bucket.delete(self.key)

        match self.story:
            case "lost for ever":
                proxy.add(Fault("lost", match=is_ours, times=None))
            case "lost but for the last time":
                proxy.add(Fault("lost", match=is_ours, times=ATTEMPTS - 1))
            case "conflict once, then lost":
                proxy.add(Fault("status", match=is_ours, answer=self.stage.dialect.not_now))
                proxy.add(Fault("lost", match=is_ours))
            case "lost, then overwritten" | "lost, then overwritten, read back in vain":
                proxy.add(Fault("lost", match=is_ours))
                proxy.add(Fault("pass", match=is_ours, before=overwrite))
                if self.story.endswith("in vain"):
                    proxy.add(Fault("lost", match=self.stage.is_kind("stat"), times=None))
            case "lost, then removed":
                proxy.add(Fault("lost", match=is_ours))
                proxy.add(Fault("pass", match=is_ours, before=remove))
            case _:
                proxy.add(Fault("lost", match=is_ours))

    def problem(self, verdict: str) -> str | None:
        """What is false about *verdict*, given what the store holds now."""
        found = self.stage.store.content(self.key)
        is_stored = found == self.ours
        if found not in (self.ours, self.theirs, b"before", None):
            return f"the store has {len(found or b'')} bytes of neither"
        if verdict == "stored":
            return None if is_stored else "a false success"
        if verdict == "OutcomeUnknown":
            return None if self.story not in PROVABLE else "unknown, although it can be proved"
        return "a false conflict" if is_stored else None


# Stories whose end can be told from the object that is there.
PROVABLE = frozenset({"lost once", "lost but for the last time", "lost for ever"})


def _rounds(stage: Stage, number: int, seed: int) -> Iterator[Round]:
    chance = random.Random(seed)
    # Every story in every form first, then by lot; large ones now and then, for they take time.
    forms = list(itertools.product(STORY_NAMES, CONDITIONS, SIZES))
    for turn in range(number):
        if turn < len(forms):
            story, condition, kind = forms[turn]
        else:
            story = chance.choice(STORY_NAMES)
            condition = chance.choice(CONDITIONS)
            kind = "commit" if chance.random() < 0.15 else "put"
        key = f"rounds/{next(_numbers)}"
        ours, theirs = chance.randbytes(SIZES[kind]), chance.randbytes(50)
        yield Round(stage, story, condition, kind, key, ours, theirs)


def _run(stage: Stage, number: int, seed: int) -> Counter[tuple[str, str, str]]:
    verdicts: Counter[tuple[str, str, str]] = Counter()
    problems = []
    for current in _rounds(stage, number, seed):
        with stage.bucket() as bucket:
            verdict = current.write(bucket)
        stage.proxy.clear()
        if (problem := current.problem(verdict)) is not None:
            problems.append(f"{problem}: {current.story}, {current.condition}, {current.kind}")
        verdicts[current.story, current.condition, verdict] += 1
        stage.store.drop(current.key)
    assert not problems, "\n".join(problems)
    return verdicts


def _shown(target: str, verdicts: Counter[tuple[str, str, str]]) -> str:
    """A row per story and condition."""
    lines = [
        f"| {target}: {verdicts.total()} lost answers | condition | verdicts |",
        "|---|---|---|",
    ]
    for story, condition in dict.fromkeys((s, c) for s, c, _ in sorted(verdicts)):
        told = {v: count for (s, c, v), count in verdicts.items() if (s, c) == (story, condition)}
        shown = ", ".join(f"{count} {verdict}" for verdict, count in sorted(told.items()))
        lines.append(f"| {story} | {condition} | {shown} |")
    return "\n".join(lines)


@pytest.mark.parametrize("target", each_target(writing=True))
def test_the_verdict_on_a_lost_answer_is_right(
    stage: Stage, request: pytest.FixtureRequest
) -> None:
    """No false success, no false conflict, and "unknown" only where nothing proves either."""
    verdicts = _run(stage, (3 if stage.dialect.whole else 1) * FORMS, seed=1)
    request.node.user_properties.append((FIGURES, _shown(stage.dialect.name, verdicts)))
    for story in PROVABLE:
        for condition in CONDITIONS:
            assert {v for s, c, v in verdicts if (s, c) == (story, condition)} == {"stored"}


@pytest.mark.soak
@pytest.mark.parametrize("target", each_target(writing=True))
def test_the_verdict_on_many_lost_answers_is_right(stage: Stage) -> None:
    """A thousand more, in an order of their own."""
    assert _run(stage, 1000, seed=random.randrange(2**32)).total() == 1000


@pytest.mark.parametrize("target", each_target(writing=True))
def test_one_of_several_writers_wins_although_answers_are_lost(stage: Stage) -> None:
    """Four threads ask for the same new key; a third of the answers is lost."""
    for turn in range(30 if stage.dialect.whole else 10):
        _race(stage, turn)


def _race(stage: Stage, turn: int) -> None:
    key = f"races/{turn}"
    chance = random.Random(turn)
    is_put = stage.is_kind("put")
    stage.proxy.clear()
    stage.proxy.add(
        Fault("lost", match=lambda asked: is_put(asked) and chance.random() < 1 / 3, times=None)
    )
    bodies = [f"writer {writer} of {key}".encode() for writer in range(4)]
    with stage.bucket() as bucket, ThreadPoolExecutor(4) as threads:

        def write(body: bytes) -> str:
            try:
                bucket.put(key, body, if_absent=True)
            except (AlreadyExists, OutcomeUnknown) as error:
                return type(error).__name__
            return "stored"

        verdicts = dict(zip(bodies, threads.map(write, bodies), strict=True))
    winner = stage.store.content(key)
    assert winner in bodies
    assert verdicts == {body: "stored" if body == winner else "AlreadyExists" for body in bodies}


@pytest.mark.parametrize("target", each_target(writing=True))
def test_a_write_that_is_not_conditional_is_simply_sent_again(stage: Stage) -> None:
    """Twice is the same as once."""
    stage.proxy.add(Fault("lost", match=stage.is_kind("put")))
    with stage.bucket() as bucket:
        bucket.put("rounds/plain", b"data")
    kinds = [stage.dialect.kind_of(request) for request in stage.proxy.requests]
    assert kinds == ["put", "put"]
    assert stage.store.content("rounds/plain") == b"data"
