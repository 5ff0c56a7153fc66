"""``portable queue …``, on queues in memory and, where several processes are in it, local ones."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

import portable
from portable.errors import NotAllSent
from portable.queue import Queue
from portable.queue.driver import WireMessage
from tests.cli.conftest import Run

MEMORY = ("--profile", "memory", "queue")
TAKE = ("-Q", "memory://jobs")


def test_what_is_sent_is_received_and_gone(run: Run) -> None:
    sent = run(*MEMORY, "send", *TAKE, '{"lr": 0.1}', "[1, 2]")
    assert (sent.code, len(sent.lines)) == (0, 2)
    assert run(*MEMORY, "receive", *TAKE, "-n", "2").lines == ['{"lr": 0.1}', "[1, 2]"]
    assert run(*MEMORY, "receive", *TAKE).code == 3


def test_json_has_everything_about_a_message(run: Run) -> None:
    (identity,) = run(
        *MEMORY, "send", *TAKE, "--bytes", "-a", "a=1", "-a", "b=x=y", "--json", given=b"\0\xff"
    ).document["ids"]
    told = run(*MEMORY, "receive", *TAKE, "--json").document
    assert told["sent_at"].startswith("2")
    assert {name: told[name] for name in told if name != "sent_at"} == {
        "id": identity,
        "body": None,
        "body_base64": base64.b64encode(b"\0\xff").decode(),
        "attributes": {"a": "1", "b": "x=y"},
        "attempts": 1,
        "group": None,
        "problem": None,
    }


def test_bytes_are_printed_as_they_are(run: Run) -> None:
    run(*MEMORY, "send", *TAKE, "--bytes", given=b"\0\xff")
    assert run(*MEMORY, "receive", *TAKE).out == b"\0\xff\n"


def test_lines_are_messages_of_their_own(run: Run) -> None:
    given = "".join(f'{{"n": {number}}}\n\n' for number in range(2500))
    assert len(run(*MEMORY, "send", *TAKE, "--lines", given=given).lines) == 2500
    assert portable.open_queue("memory://jobs").stats().visible == 2500


@pytest.mark.parametrize(
    ("kind", "bodies"),
    [("--text", ["a", "", " ", "b"]), ("--bytes", [b"a", b"", b" ", b"b"])],
)
def test_an_empty_line_of_text_is_an_empty_message(
    run: Run, kind: str, bodies: list[object]
) -> None:
    """Between the lines of JSON it is nothing."""
    assert len(run(*MEMORY, "send", *TAKE, "--lines", kind, given="a\n\n \nb\n").lines) == 4
    assert [message.body for message in portable.open_queue("memory://jobs").receive(9)] == bodies


def test_what_was_sent_before_a_failure_is_told(run: Run) -> None:
    """A later line isn't JSON; nothing of the same thousand is sent."""
    failed = run(*MEMORY, "send", *TAKE, "--lines", "--json", given="1\n" * 1000 + "2\n?\n")
    assert failed.code == 2
    assert len(failed.document["ids"]) == 1000
    assert portable.open_queue("memory://jobs").stats().visible == 1000


def test_ids_of_those_that_were_sent_are_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where others of the same request weren't."""

    def send_many(*_: object, **__: object) -> list[str]:
        raise NotAllSent("1 of 2 wasn't sent", ids=["first", None])

    monkeypatch.setattr(Queue, "send_many", send_many)
    assert run(*MEMORY, "send", *TAKE, "1", "2").lines == ["first"]
    assert run(*MEMORY, "send", *TAKE, "1", "2", "--json").document == {"ids": ["first"]}


def test_text_needs_to_be_called_so(run: Run) -> None:
    refused = run(*MEMORY, "send", *TAKE, "hello")
    assert refused.code == 2
    assert "isn't JSON" in refused.err
    assert "--text" in refused.err
    assert run(*MEMORY, "send", *TAKE, "--text", "hello").code == 0
    assert run(*MEMORY, "receive", *TAKE).lines == ['"hello"']


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--text", "--bytes", "x"], "not both"),
        (["--lines", "1"], "no body is given"),
        (["-a", "novalue", "1"], "--attribute is NAME=VALUE"),
        (["--delay", "soon", "1"], "is no time"),
        (["--dedup-id", "one", "1", "2"], "is for one message"),
    ],
)
def test_a_line_that_makes_no_sense_sends_nothing(run: Run, words: list[str], why: str) -> None:
    refused = run(*MEMORY, "send", *TAKE, *words)
    assert refused.code == 2
    assert why in refused.err
    assert run(*MEMORY, "receive", *TAKE).code == 3


def test_a_delay_and_a_second_message_of_the_same_id(run: Run) -> None:
    run(*MEMORY, "send", *TAKE, "--delay", "1h", "1")
    run(*MEMORY, "send", *TAKE, "--dedup-id", "one", "--group", "g", "2")
    run(*MEMORY, "send", *TAKE, "--dedup-id", "one", "--group", "g", "3")
    stats = run(*MEMORY, "stats", *TAKE, "--json").document["queues"]["jobs"]
    assert (stats["visible"], stats["delayed"]) == (1, 1)


def test_a_look_leaves_everything_as_it_was(run: Run) -> None:
    run(*MEMORY, "send", *TAKE, "1")
    assert run(*MEMORY, "peek", *TAKE).lines == ["1"]
    assert run(*MEMORY, "receive", *TAKE, "--no-ack", "--json").document["attempts"] == 1
    assert run(*MEMORY, "receive", *TAKE, "--json").document["attempts"] == 2


def test_dead_letters_are_shown_with_their_reason_and_brought_back(run: Run) -> None:
    queue = portable.open_queue("memory://jobs")
    queue.send({"n": 1})
    queue.receive()[0].dead_letter("no such file")
    shown = run(*MEMORY, "dead", *TAKE)
    assert "no such file" in shown.text
    assert '{"n": 1}' in shown.text
    told = run(*MEMORY, "dead", *TAKE, "--json").document
    assert told["attributes"]["dead-letter-reason"] == "no such file"
    assert run(*MEMORY, "redrive", *TAKE, "--json").document == {"redriven": 1}
    assert run(*MEMORY, "dead", *TAKE).code == 3
    assert run(*MEMORY, "receive", *TAKE).lines == ['{"n": 1}']


def test_a_body_that_can_not_be_read_hides_no_other_message(run: Run) -> None:
    """It is told instead, and why."""
    queue = portable.open_queue("memory://jobs")
    queue.create()
    driver = queue._connection.driver
    driver.send([WireMessage(body=b"{", attributes={"portable": "json"})])
    queue.send({"n": 1})
    shown = run(*MEMORY, "peek", *TAKE, "-n", "2")
    assert shown.lines[1] == '{"n": 1}'
    assert shown.lines[0].startswith("can't be read: ")
    for message in queue.receive(2):
        message.dead_letter("no")
    assert '{"n": 1}' in run(*MEMORY, "dead", *TAKE).text
    broken, whole = map(json.loads, run(*MEMORY, "dead", *TAKE, "--json").lines)
    assert "says it is JSON" in broken["problem"]
    assert (broken["body"], whole["body"], whole["problem"]) == (None, {"n": 1}, None)


def test_purge_asks_and_takes_no_for_an_answer(run: Run) -> None:
    run(*MEMORY, "send", *TAKE, "1")
    refused = run(*MEMORY, "purge", *TAKE, given="n\n")
    assert refused.code == 1
    assert "nothing was removed" in refused.err
    assert run(*MEMORY, "purge", *TAKE, "--json").code == 2
    assert run(*MEMORY, "purge", *TAKE, "--dead", "--yes").code == 0
    assert run(*MEMORY, "stats", *TAKE, "--json").document["queues"]["jobs"]["visible"] == 1
    assert run(*MEMORY, "purge", *TAKE, given="y\n").code == 0
    assert run(*MEMORY, "receive", *TAKE).code == 3


def test_stats_tell_of_the_queue_and_its_dead_letters(run: Run) -> None:
    run(*MEMORY, "send", *TAKE, "1", "2")
    assert "visible 2" in run(*MEMORY, "stats", *TAKE).text


def test_a_program_handles_each_message(run: Run) -> None:
    queue = portable.open_queue("memory://jobs")
    queue.send_many([{"n": 1}, {"n": 2}])
    program = ("sh", "-c", 'cat > "$PORTABLE_MESSAGE_ID.$PORTABLE_MESSAGE_ATTEMPTS"')
    done = run(*MEMORY, "consume", *TAKE, "--idle", "0s", "--json", "--", *program)
    assert done.document["handled"] == 2
    assert queue.receive() == []


def test_a_program_that_fails_hands_the_message_back(run: Run) -> None:
    queue = portable.open_queue("memory://jobs")
    queue.send(1)
    failed = run(*MEMORY, "consume", *TAKE, "-n", "1", "--json", "--", "sh", "-c", "exit 3")
    assert failed.document["retried"] == 1
    assert failed.document["errors"] == {"ProgramFailed": 1}
    told = run(*MEMORY, "consume", *TAKE, "-n", "1", "--", "sh", "-c", "exit 3").err
    assert told.startswith("the handler failed for message ")
    assert ", attempt 2 of 5: sh ended with 3\n" in told


def test_a_program_that_runs_too_long_ends_with_the_consumer(tmp_path: Path) -> None:
    """Its message is handed back, so that another one begins with it."""
    queue = portable.open_queue(f"sqlite://{tmp_path}/queues.db?name=jobs")
    queue.send(1)
    script = f"echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; exec sleep 60"
    words = ("consume", "-Q", queue.url, "--drain", "0s", "--", "sh", "-c", script)
    with subprocess.Popen([sys.executable, "-m", "portable", "queue", *words]) as consumer:
        pid = _soon(lambda: int((tmp_path / "pid").read_text()))
        consumer.terminate()
        assert consumer.wait(30) == 0
    assert queue.stats().visible == 1
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)


def _soon(look: Callable[[], int]) -> int:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with suppress(FileNotFoundError):
            return look()
        time.sleep(0.05)
    raise AssertionError("it never came")


def test_consume_needs_a_program(run: Run) -> None:
    assert "name the program" in run(*MEMORY, "consume", *TAKE).err
    assert "there is no program" in run(*MEMORY, "consume", *TAKE, "--", "no-such-program").err
