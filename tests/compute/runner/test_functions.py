"""Calls of functions: loaded once, called with many items."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import cloudpickle

from tests.compute.runner.attempts import Attempt

cloudpickle.register_pickle_by_value(sys.modules[__name__])


def call(attempt: Attempt, function: Callable[..., Any], items: list[Any], **said: Any) -> Any:
    """Run it, and return ``exit.json``."""
    pickled = [cloudpickle.dumps(item) for item in items]
    body = cloudpickle.dumps(function)
    return attempt.run(function=body, items=pickled, tasks=list(range(len(items))), **said)


def test_results_are_json_or_bytes(attempt: Attempt) -> None:
    items = [{"a": [1, None, "ü"]}, b"\0\xff", 2.5, None]
    told = call(attempt, lambda item: item, items, slots=2)
    assert [each["exit_code"] for each in told["tasks"]] == [0, 0, 0, 0]
    found = attempt.results
    assert found[0] == {"index": 0, "json": {"a": [1, None, "ü"]}}
    assert found[1] == {"index": 1, "bytes": "AP8="}
    assert (found[2]["json"], found[3]["json"]) == (2.5, None)


def test_a_function_may_be_called_without_an_item(folder: Attempt) -> None:
    folder.run(
        function=cloudpickle.dumps(lambda: os.environ["PORTABLE_TASK_INDEX"]), tasks=[3], count=4
    )
    assert folder.results == {3: {"index": 3, "json": "3"}}


def test_an_exception_is_exit_code_1_and_its_traceback_in_the_log(folder: Attempt) -> None:
    def fail(item: int) -> int:
        return 1 // item

    told = call(folder, fail, [0, 1])
    assert [each["exit_code"] for each in told["tasks"]] == [1, 0]
    assert told["reason"] == "exit"
    error = folder.results[0]
    assert error["error"] == "ZeroDivisionError: integer division or modulo by zero"
    assert "in fail" in error["traceback"]
    assert "worker.py" not in error["traceback"]
    assert b"[0] ZeroDivisionError" in folder.log
    assert folder.results[1] == {"index": 1, "json": 1}


def test_what_is_neither_json_nor_bytes_is_an_error_that_says_so(folder: Attempt) -> None:
    told = call(folder, lambda item: {item} if item else float("nan"), [0, 1])
    assert [each["exit_code"] for each in told["tasks"]] == [1, 1]
    assert "neither bytes nor JSON" in folder.results[0]["error"]
    assert "type set is not JSON serializable" in folder.results[1]["error"]
    assert "Convert it first, for example with .item()" in folder.results[1]["error"]


def test_numbers_without_a_word_in_json_are_an_error_that_says_what_to_return(
    folder: Attempt,
) -> None:
    call(folder, lambda item: {"loss": float(item)}, ["nan", "-inf"])
    for each in (0, 1):
        error = folder.results[each]["error"]
        assert "NaN and infinity have no word in JSON: return None or text" in error
        assert ".item()" not in error


def test_what_holds_itself_isnt_told_of_as_a_number(folder: Attempt) -> None:
    def held(_item: int) -> list[object]:
        found: list[object] = []
        found.append(found)
        return found

    call(folder, held, [0])
    assert "neither bytes nor JSON: Circular reference" in folder.results[0]["error"]
    assert "NaN" not in folder.results[0]["error"]


def test_an_exit_ends_the_call_and_not_the_others(folder: Attempt) -> None:
    told = call(folder, lambda item: sys.exit(item), [0, 7, "text"])
    assert [each["exit_code"] for each in told["tasks"]] == [1, 7, 1]
    assert folder.results[1]["error"] == "SystemExit: 7"


def test_a_worker_that_dies_fails_one_call_only(folder: Attempt) -> None:
    def die(item: int) -> int:
        if item == 1:
            os.kill(os.getpid(), 9)
        return item

    told = call(folder, die, list(range(5)), slots=2)
    assert [each["exit_code"] for each in told["tasks"]] == [0, -9, 0, 0, 0]
    assert "ended with signal 9" in folder.results[1]["error"]
    assert {index: each.get("json") for index, each in folder.results.items() if index != 1} == {
        0: 0,
        2: 2,
        3: 3,
        4: 4,
    }


def test_what_calls_print_has_their_index(folder: Attempt) -> None:
    def say(item: int) -> None:
        print("printed", item)
        os.write(2, b"written\n")
        sys.stdout.write("no end")

    call(folder, say, list(range(4)), slots=2)
    lines = folder.log.splitlines()
    wanted = [b"printed %d", b"written", b"no end"]
    for index in range(4):
        own = [line for line in lines if line.startswith(b"[%d] " % index)]
        expected = [text % index if b"%" in text else text for text in wanted]
        assert sorted(line[4:] for line in own) == sorted(expected)


def test_each_call_has_a_folder_of_its_own_and_files_can_be_imported(folder: Attempt) -> None:
    def look(item: int) -> list[str]:
        import helper  # type: ignore[import-not-found]

        found = sorted(os.listdir())  # noqa: PTH208
        open("own", "w").close()
        return [*found, str(helper.VALUE)]

    call(folder, look, [1, 2], files={"helper.py": b"VALUE = 5\n"})
    assert folder.results[0]["json"] == ["helper.py", "5"]
    assert folder.results[1]["json"] == ["helper.py", "5"]


def test_a_function_is_loaded_once_by_each_process(folder: Attempt) -> None:
    def count(_: int, seen: list[int] = []) -> list[int]:  # noqa: B006
        seen.append(os.getpid())
        return seen

    call(folder, count, list(range(6)), slots=2)
    calls = sorted(len(each["json"]) for each in folder.results.values())
    assert max(calls) >= 3
    assert len({pid for each in folder.results.values() for pid in each["json"]}) == 2


def test_a_missing_module_is_named_with_what_to_do(folder: Attempt) -> None:
    body = b"cno_such_module\nfunction\n."  # as pickle refers to an installed function
    told = folder.run(function=body, items=[cloudpickle.dumps(1)] * 3, tasks=[0, 1, 2])
    assert told["reason"] == "refused"
    assert "No module named 'no_such_module'" in told["detail"]
    assert "install it there" in told["detail"]
    assert [each["exit_code"] for each in told["tasks"]] == [None, None, None]
    assert b"ModuleNotFoundError" in folder.log


def test_another_python_is_refused_with_advice(folder: Attempt) -> None:
    told = folder.run(function=b"", items=[b""], written_by=(3, 8))
    assert told["reason"] == "refused"
    assert "packed by Python 3.8" in told["detail"]
    assert "choose an image with Python 3.8" in told["detail"]


def test_calls_end_at_the_timeout(folder: Attempt) -> None:
    told = call(folder, lambda item: time.sleep(item), [0, 60, 60], timeout=3.0)
    assert told["reason"] == "timeout"
    ends = [(each["exit_code"], each["reason"]) for each in told["tasks"]]
    assert ends == [(0, "exit"), (-15, "timeout"), (None, "timeout")]


def test_a_worker_says_goodbye(folder: Attempt) -> None:
    def register(item: int) -> int:
        import atexit

        atexit.register(print, "goodbye")
        return item

    call(folder, register, [1])
    assert folder.log == b"goodbye\n"


def test_large_results_come_whole(folder: Attempt) -> None:
    size = 3_000_000
    call(folder, lambda item: bytes([item]) * size, [1, 2, 3, 4])
    assert all(len(each["bytes"]) == size * 4 // 3 for each in folder.results.values())
    assert folder.exit["segments"]["results"] >= 1
