"""`portable.queue`: the functions of whichever queue is active, and where large bodies go."""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import portable
from portable.errors import ConfigError
from portable.queue import Queue

LARGE = b"\xff" * 1_100_000


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    for name in ("PROFILE", "CONFIG", "STORAGE", "QUEUE"):
        monkeypatch.delenv(f"PORTABLE_{name}", raising=False)
    yield
    portable.queue._queue.close()


def fresh() -> str:
    """A queue's name."""
    return f"q{uuid.uuid4().hex[:12]}"


def test_without_any_configuration_messages_are_in_the_working_folder(tmp_path: Path) -> None:
    """Durable, and seen by every queue that is opened here."""
    portable.queue.send({"n": 1})
    assert (tmp_path / ".portable").is_dir()
    (message,) = portable.open_queue().receive()
    assert message.body == {"n": 1}
    assert message.ack()


def test_a_variable_swaps_the_queue_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next call already goes there, and back."""
    portable.queue.send("here")
    monkeypatch.setenv("PORTABLE_QUEUE", f"memory://{fresh()}")
    assert portable.queue.receive() == []
    monkeypatch.delenv("PORTABLE_QUEUE")
    assert portable.queue.receive()[0].body == "here"


def test_a_pickled_active_queue_is_the_active_queue() -> None:
    """In whatever process; its hook stays behind."""
    assert pickle.loads(pickle.dumps(portable.queue._queue)) is portable.queue._queue
    assert pickle.loads(pickle.dumps(portable.queue.send)).__self__ is portable.queue._queue


def test_large_bodies_go_to_the_storage_of_the_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was when the queue was opened."""
    name = fresh()
    (tmp_path / "portable.toml").write_text(
        f"""
        [one]
        provider = "local"
        storage = "memory://{name}-one"
        queue = "memory://{name}"
        [two]
        provider = "local"
        storage = "memory://{name}-two"
        """
    )
    monkeypatch.setenv("PORTABLE_PROFILE", "two")
    with portable.profile("one"):
        queue = portable.open_queue()
    queue.send(LARGE)
    one = portable.open_bucket(f"memory://{name}-one")
    (stored,) = one.list()
    assert stored.key.startswith(f"portable-payloads/{name}/")
    (message,) = pickle.loads(pickle.dumps(queue)).receive()
    assert message.body == LARGE
    message.ack()
    assert list(one.list()) == []


def test_the_setting_payloads_names_another_bucket(tmp_path: Path) -> None:
    """By URL or by name."""
    name = fresh()
    portable.open_queue(f"memory://{name}?payloads=memory://{name}-large").send(LARGE)
    assert len(list(portable.open_bucket(f"memory://{name}-large").list())) == 1


def test_a_bucket_that_is_not_there_matters_when_it_is_needed(tmp_path: Path) -> None:
    """Small messages go on."""
    queue = portable.open_queue(f"memory://{fresh()}?payloads=nowhere")
    queue.send("small")
    with pytest.raises(ConfigError, match="nowhere"):
        queue.send(LARGE)
    assert [message.body for message in queue.receive(5)] == ["small"]


def test_a_queue_and_its_dead_letters_close_and_open_again() -> None:
    """As often as one likes."""
    queue: Queue = portable.open_queue(f"memory://{fresh()}")
    queue.send("x")
    queue.receive()[0].dead_letter("why")
    queue.close()
    assert queue.dead_letters is not None
    assert queue.dead_letters.receive()[0].body == "x"
