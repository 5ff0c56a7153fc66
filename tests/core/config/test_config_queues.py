"""Queues are configured as buckets are: profile, environment, code, names and URLs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from portable import discovery
from portable.adapter import Adapter, QueueService, QueueSettings, Scheme
from portable.config import configure, describe, resolve_queue
from portable.errors import ConfigError, Unsupported

Write = Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSettings(QueueSettings):
    @property
    def url(self) -> str:
        return f"line://{self.name}"


@pytest.fixture(autouse=True)
def queues(monkeypatch: pytest.MonkeyPatch) -> None:
    """An adapter with queues and no storage, one without queues that knows a way out."""
    service = QueueService(
        settings=LineSettings,
        schemes=(Scheme(name="line", host="name", path="payloads"),),
        connect=lambda settings: settings,
    )
    line = Adapter(name="line", queue=service)
    bare = Adapter(name="bare", instead={"queue": "use the provider 'line'"})
    monkeypatch.setattr(discovery, "_adapters", {"line": line, "bare": bare})
    monkeypatch.setattr(discovery, "_schemes", {})
    monkeypatch.setattr(discovery, "names", lambda: ["bare", "line"])


def test_a_profile_names_its_queue_and_more_of_them(write: Write) -> None:
    write(
        '[p]\nprovider="line"\ndeadline=7\nqueue={name="jobs"}\n'
        '[p.queues]\ntrials="line://trials?lease=90"'
    )
    resolved = resolve_queue()
    assert (resolved.settings.name, resolved.settings.deadline) == ("jobs", 7)
    assert resolve_queue("trials").settings.lease == 90
    with pytest.raises(ConfigError, match=r"there is no queue 'trial' \(did you mean 'trials'\?\)"):
        resolve_queue("trial")


def test_a_name_in_a_profile_that_has_none_is_told_what_to_do(write: Write) -> None:
    write('[p]\nprovider="line"')
    with pytest.raises(ConfigError, match="no queue 'jobs', nor any other: add it there, or give "):
        resolve_queue("jobs")


def test_without_settings_it_is_the_default_queue(write: Write) -> None:
    write('[p]\nprovider="line"')
    assert resolve_queue().settings == LineSettings(name="default")


def test_variables_and_code_replace_it(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write('[p]\nprovider="line"\nqueue={name="jobs"}')
    monkeypatch.setenv("PORTABLE_QUEUE_MAX_ATTEMPTS", "9")
    assert resolve_queue().settings.max_attempts == 9
    monkeypatch.setenv("PORTABLE_QUEUE", "line://others")
    assert resolve_queue().settings.name == "others"
    configure(queue={"lease": 60})
    assert resolve_queue().settings.lease == 60
    configure(queue="line://mine")
    assert resolve_queue().settings.name == "mine"


def test_what_is_wrong_is_told_when_code_says_it() -> None:
    with pytest.raises(ConfigError, match=r"configure\(queue=…\): 'name' 'No' isn't a queue"):
        configure(profile="line", queue={"name": "No"})
    with pytest.raises(ConfigError, match="unknown setting 'leese'"):
        configure(profile="line", queue={"leese": 3})


def test_a_provider_without_queues_says_what_to_do(write: Write) -> None:
    write('[p]\nprovider="bare"')
    with pytest.raises(ConfigError, match="'bare' has no queue: use the provider 'line'"):
        resolve_queue()
    with pytest.raises(Unsupported, match="'bare' has no queue: use the provider 'line'"):
        discovery.connect_queue(discovery.adapter("bare"), QueueSettings())


def test_dead_letters_are_the_queue_beside_it() -> None:
    settings = LineSettings(name="jobs", lease=7)
    assert settings.dead_letters == LineSettings(name="jobs-dead", lease=7)
    assert settings.dead_letters.problems() == []


@pytest.mark.parametrize(
    "name", ["ab", "a" * 51, "Jobs", "1jobs", "a--b", "-ab", "ab-", "a.b", "a_b", "jöbs", ""]
)
def test_a_name_that_some_provider_can_not_take_is_refused(name: str) -> None:
    assert QueueSettings(name=name).problems()


def test_the_description_has_the_queues(write: Write) -> None:
    write('[p]\nprovider="line"\n[p.queues]\nbad={provider="bare"}')
    described = describe()
    assert described.queue.url == "line://default"
    assert described.queues[0].name == "bad"
    assert "has no queue" in described.queues[0].problem
