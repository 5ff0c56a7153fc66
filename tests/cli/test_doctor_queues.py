"""What ``portable doctor`` says of queues that work and queues that don't."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import portable
from portable.cli.doctor.checks import Check, Checks
from portable.cli.doctor.queues import prove_queue
from portable.errors import PermissionDenied, PortableError
from portable.queue.driver import Leased
from portable_memory.queue import MemoryQueue
from tests.cli.conftest import Run

ALL = [
    "configured",
    "there",
    "made",
    "sent",
    "received",
    "extended",
    "handed_back",
    "acked",
    "large",
    "removed",
]


def proved(queue: str | None = "memory://jobs") -> dict[str, Check]:
    checks = Checks(show=None)
    prove_queue(checks, queue)
    return {check.name: check for check in checks.done}


def failed(queue: str | None = "memory://jobs") -> dict[str, Check]:
    return {name: check for name, check in proved(queue).items() if check.status == "failed"}


@pytest.mark.parametrize("profile", ["memory", "local"])
def test_a_queue_that_works_gets_no_message(run: Run, profile: str) -> None:
    """All is tried on another, which is removed with its dead letters."""
    with portable.profile(profile):
        queue = portable.open_queue()
        queue.send("mine")
    outcome = run("--profile", profile, "doctor", "--json")
    checks = {each["name"]: each for each in outcome.document["checks"]}
    assert outcome.code == 0
    assert {checks[name]["status"] for name in ALL} == {"ok"}
    assert checks["there"]["detail"] == f"1 messages wait in {queue.url}"
    assert [message.body for message in queue.receive(10)] == ["mine"]
    scratch = checks["made"]["detail"]
    for name in (scratch, f"{scratch}-dead"):
        assert not portable.open_queue(name).exists()


def test_a_named_queue_is_looked_at_and_none_beside_a_bucket(run: Run) -> None:
    outcome = run("doctor", "memory://b", "-Q", "memory://other", "--json")
    checks = {each["name"]: each["detail"] for each in outcome.document["checks"]}
    assert checks["configured"] == "memory://other"
    outcome = run("doctor", "memory://b", "--json")
    assert "queue" not in {each["section"] for each in outcome.document["checks"]}


def test_a_provider_without_queues_has_nothing_to_check(folder: Path) -> None:
    (folder / "portable.toml").write_text(
        "[sea]\nprovider = 'digitalocean'\nbucket = 'b-ucket'\nregion = 'fra1'\n"
    )
    with portable.profile("sea"):
        found = proved(None)
    assert [(check.name, check.status) for check in found.values()] == [("configured", "skipped")]


def test_a_queue_that_isnt_there_has_a_remedy(folder: Path) -> None:
    (folder / "portable.toml").write_text(
        "[lab]\nprovider = 'memory'\n[lab.queues]\njobs = {name = 'jobs', create = false}\n"
    )
    with portable.profile("lab"):
        check = failed("jobs")["there"]
    assert check.detail == "there is no queue memory://jobs"
    assert "create = true" in check.advice


def test_who_may_make_no_queue_isnt_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(_: MemoryQueue) -> None:
        raise PermissionDenied("not you")

    monkeypatch.setattr(MemoryQueue, "create", deny)
    found = proved()
    assert list(found) == ["configured", "there", "made"]
    assert found["made"].status == "skipped"
    assert "may make no queue" in found["made"].detail


def test_a_missing_permission_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_: Any) -> Any:
        raise PermissionDenied("not you")

    monkeypatch.setattr(MemoryQueue, "send", deny)
    found = failed()
    assert list(found) == ["sent"]
    assert found["sent"].advice.startswith("allow these credentials to send messages on memory:")


def test_what_the_storage_of_large_bodies_lacks_is_told_in_its_own_words(folder: Path) -> None:
    """Not in those of the queue's provider."""
    (folder / "portable.toml").write_text(
        'default = "x"\n[x]\nstorage = "s3://acme"\nqueue = "memory://jobs"\n'
    )
    found = failed(None)
    assert list(found) == ["large"]
    assert "AWS_ACCESS_KEY_ID" in found["large"].advice


def test_an_ack_that_removes_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(queue: MemoryQueue, receipts: Sequence[str]) -> list[PortableError | None]:
        queue.extend(receipts, 0)
        return [None for _ in receipts]

    monkeypatch.setattr(MemoryQueue, "ack", forget)
    assert failed()["acked"].detail == "the message is still there after its ack"


def test_a_body_that_comes_back_changed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    receive = MemoryQueue.receive

    def change(queue: MemoryQueue, limit: int, *, wait: float, lease: float) -> list[Leased]:
        found = list(receive(queue, limit, wait=wait, lease=lease))
        for message in found:
            message.body = b"[]"
        return found

    monkeypatch.setattr(MemoryQueue, "receive", change)
    assert "another body" in failed()["received"].detail


def test_a_queue_that_cant_be_removed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(_: MemoryQueue) -> None:
        raise PermissionDenied("not you")

    monkeypatch.setattr(MemoryQueue, "delete", deny)
    check = failed()["removed"]
    assert check.detail.startswith("a queue is left")
    assert "remove memory://portable-doctor-" in check.advice
