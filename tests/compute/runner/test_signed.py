"""Signed URLs on a network that fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from portable.compute.runner.failures import Rejected
from portable.compute.runner.signed import SignedStore
from portable.testing.faults import Answer, Fault, FaultProxy
from tests.compute.runner.attempts import SLOTS, Attempt
from tests.compute.runner.objects import Objects


def test_bodies_go_as_bytes_and_nothing_else(signed: Attempt, objects: Objects) -> None:
    signed.run("echo 1; touch a", outputs=["a"])
    assert set(objects.types) >= {"started", "state", "exit", "log/0000", "out/0000"}
    assert set(objects.types.values()) == {"application/octet-stream"}


@pytest.mark.parametrize("name", ["started", "exit", "out/0000", "log/0000", "in/x"])
@pytest.mark.parametrize("status", [503, 429])
def test_what_may_pass_is_tried_again(
    signed: Attempt, proxy: FaultProxy, name: str, status: int
) -> None:
    proxy.add(Fault("status", path=f"/{name}?", answer=Answer(status), times=2))
    told = signed.run("cat x; cp x y", inputs=[signed.store.input("x", b"X")], outputs=["y"])
    assert told["reason"] == "exit"
    assert signed.log == b"X"
    assert signed.store.read("out/0000") == b"X"


@pytest.mark.parametrize("name", ["started", "exit", "out/0000", "log/0000"])
def test_a_lost_answer_costs_nothing(signed: Attempt, proxy: FaultProxy, name: str) -> None:
    """Its own `started.json` isn't taken for another runner's."""
    proxy.add(Fault("lost", path=f"/{name}?"))
    signed.start("echo 1; echo 2 > a", outputs=["a"])
    status = signed.wait()
    assert status == (4 if name == "exit" else 0)
    assert signed.exit["reason"] == "exit"
    assert signed.log == b"1\n"
    assert signed.store.read("out/0000") == b"2\n"


def test_a_start_whose_answer_is_lost_is_looked_for_until_it_is_found(
    signed: Attempt, proxy: FaultProxy
) -> None:
    proxy.add(Fault("lost", method="PUT", path="/started?"))
    proxy.add(Fault("status", method="GET", path="/started?", answer=Answer(503), times=2))
    assert signed.run("echo 1")["reason"] == "exit"


def test_a_file_that_changes_is_stored_as_it_was_or_not_at_all(
    signed: Attempt, tmp_path: Path
) -> None:
    """What a task has left running may write to it; a request has as many bytes as it says."""
    store = SignedStore(signed.store.manifest()["signed"])
    (tmp_path / "file").write_bytes(b"12345")
    store.put_file("out/0000", str(tmp_path / "file"), 3, lambda: None)
    assert signed.store.read("out/0000") == b"123"
    with pytest.raises(Rejected, match="4 bytes less now"):
        store.put_file("out/0001", str(tmp_path / "file"), 9, lambda: None)
    assert signed.store.read("out/0001") is None


def test_a_download_goes_on_where_it_broke_off(signed: Attempt, proxy: FaultProxy) -> None:
    data = bytes(range(256)) * 4000
    proxy.add(Fault("truncate", path="/in/x?", at=300_000))
    proxy.add(Fault("reset", path="/in/x?", at=400_000))
    told = signed.run("cp x y", inputs=[signed.store.input("x", data)], outputs=["y"])
    assert told["reason"] == "exit"
    assert signed.store.read("out/0000") == data
    ranges = [each.header("Range") for each in proxy.requests if "/in/x" in each.target]
    assert ranges[:2] == [None, "bytes=300000-"]
    assert len(ranges) == 3
    assert ranges[2] not in (None, ranges[1])


def test_a_download_of_what_has_changed_meanwhile_begins_anew(
    signed: Attempt, proxy: FaultProxy, objects: Objects
) -> None:
    new = b"n" * 1000
    given = signed.store.input("x", b"o" * 1000)
    proxy.add(Fault("truncate", path="/in/x?", at=500))
    proxy.add(Fault("pass", path="/in/x?", before=lambda _: objects.content.update({"in/x": new})))
    signed.run("cp x y", inputs=[given], outputs=["y"])
    assert signed.store.read("out/0000") == new


@pytest.mark.parametrize("status", [403, 401])
def test_an_expired_url_of_an_input_is_an_end_that_is_told(
    signed: Attempt, proxy: FaultProxy, status: int
) -> None:
    proxy.add(Fault("status", path="/in/x?", answer=Answer(status), times=None))
    told = signed.run("echo never", inputs=[signed.store.input("x", b"")])
    assert told["reason"] == "inputs"
    assert "the signed URL isn't valid, or no longer" in told["detail"]


def test_a_start_that_is_refused_runs_nothing(signed: Attempt, proxy: FaultProxy) -> None:
    proxy.add(Fault("status", path="/started?", answer=Answer(403), times=None))
    signed.start("echo never")
    assert signed.wait() == 5
    assert "signature" not in signed.errors
    assert signed.store.read("log/0000") is None


def test_a_job_whose_urls_have_all_expired_ends(signed: Attempt, proxy: FaultProxy) -> None:
    signed.start("echo begun; sleep 60", heartbeat=0.1)
    signed.says(b"begun")
    proxy.add(Fault("status", method="PUT", answer=Answer(403), times=None))
    assert signed.wait() == 5
    assert "storage doesn't take the end" in signed.errors
    assert signed.store.read("exit") is None


def test_refused_signs_of_life_end_nothing_while_others_are_taken(
    signed: Attempt, proxy: FaultProxy
) -> None:
    for _ in range(2):
        proxy.add(Fault("status", path="/state?", answer=Answer(403), times=2))
        proxy.add(Fault("pass", path="/state?"))
    told = signed.run("sleep 1", heartbeat=0.1)
    assert told["reason"] == "exit"
    assert sum(request.status == 403 for request in proxy.requests) == 4


def test_an_output_too_large_for_one_request_is_named(signed: Attempt) -> None:
    told = signed.run(
        "mkdir out; printf 12345 > out/fits; printf 123456 > out/large", outputs=["out"], put_max=5
    )
    assert told["reason"] == "outputs"
    assert "'out/large' has 6 bytes" in told["detail"]
    assert "at most 5" in told["detail"]
    assert [each["path"] for each in told["outputs"]] == ["out/fits"]


def test_an_output_that_storage_refuses_as_too_large_is_named(
    signed: Attempt, proxy: FaultProxy
) -> None:
    proxy.add(Fault("status", path="/out/0000?", answer=Answer(413), times=None))
    told = signed.run("echo 1 > a; echo 2 > b", outputs=["a"])
    assert told["reason"] == "outputs"
    assert "'a' has 2 bytes" in told["detail"]


def test_what_has_no_slot_left_goes_into_the_last_one(signed: Attempt) -> None:
    told = signed.run("mkdir o; for i in 1 2 3 4 5 6; do printf $i-$i > o/$i; done", outputs=["o"])
    assert told["reason"] == "exit"
    assert [each["slot"] for each in told["outputs"]] == [f"{n:04d}" for n in range(SLOTS)]
    last = told["outputs"][-1]
    assert last["tar"]
    tar = signed.store.read(f"out/{last['slot']}") or b""
    found = {
        each["path"]: tar[each["offset"] : each["offset"] + each["size"]]
        for each in last["members"]
    }
    assert found == {"o/4": b"4-4", "o/5": b"5-5", "o/6": b"6-6"}


def test_the_last_slot_is_a_plain_one_for_a_single_file(signed: Attempt) -> None:
    told = signed.run("mkdir o; for i in 1 2 3 4; do echo $i > o/$i; done", outputs=["o"])
    assert [each["path"] for each in told["outputs"]] == ["o/1", "o/2", "o/3", "o/4"]
    assert not any("tar" in each for each in told["outputs"])


@pytest.mark.parametrize("token", [False, True])
def test_a_notice_of_the_provider_preempts(signed: Attempt, token: bool) -> None:
    url = signed.store.manifest()["signed"]["cancel"]["url"].replace("/cancel?", "/notice?")
    notice = {"url": url, "contains": "TRUE", "interval": 0.1, "headers": {"Metadata": "true"}}
    if token:
        notice["token"] = {"url": url.replace("notice", "token"), "header": "Token"}
    signed.start("trap 'exit 7' TERM; echo begun; sleep 60 & wait", notice=notice)
    signed.says(b"begun")
    signed.store.write("notice", b"FALSE")
    signed.store.write("notice", b"TRUE")
    assert signed.wait() == 0
    assert (signed.exit["reason"], signed.exit["tasks"][0]["exit_code"]) == ("preempted", 7)


def test_no_url_is_in_what_a_job_leaves(signed: Attempt, proxy: FaultProxy) -> None:
    proxy.add(Fault("status", path="/out/", answer=Answer(403), times=None))
    told = signed.run("env; cat /proc/$PPID/cmdline; touch a", outputs=["a"])
    left = json.dumps(told).encode() + signed.log
    assert b"signature=" not in left
