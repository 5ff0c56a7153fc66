from __future__ import annotations

import fcntl
import gc
import os
import threading
import zlib
from pathlib import Path
from typing import Any

import pytest

from portable.errors import AlreadyExists, IntegrityError, NotFound
from portable.storage.driver import Part, UploadedPart

from .support import Make, Store, forked, joined, options, send

PIECES = [os.urandom(100_000) for _ in range(5)]


@pytest.mark.parametrize("order", [1, -1])
def test_parts_in_any_order_make_the_object(store: Store, order: int) -> None:
    put = store.upload("a/b", PIECES, order=order)
    assert store.get("a/b") == b"".join(PIECES)
    assert store.stat("a/b") == put
    assert put.crc32 == zlib.crc32(b"".join(PIECES))
    assert store.leftovers() == []


def test_parts_from_many_threads_make_the_object(store: Store) -> None:
    upload = store.driver.begin("a", options())
    sent: list[UploadedPart] = []

    def work(number: int) -> None:
        body = PIECES[number]
        part = Part(number + 1, number * 100_000, body, zlib.crc32(body))
        for _ in range(3):
            again = store.driver.upload_part("a", upload, part)
        sent.append(again)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.driver.commit("a", upload, sent, zlib.crc32(b"".join(PIECES)), options())
    assert store.get("a") == b"".join(PIECES)


def test_nothing_is_visible_before_the_commit_or_after_an_abort(store: Store) -> None:
    upload = store.driver.begin("a/b", options())
    send(store, "a/b", upload, PIECES)
    assert store.keys() == []
    assert [pending.key for pending in store.driver.uploads("a/")] == ["a/b"]
    assert not list(store.driver.uploads("b"))
    store.driver.abort("a/b", upload)
    store.driver.abort("a/b", upload)
    assert store.files() == store.leftovers() == []
    assert not list(store.driver.uploads(""))
    assert not (store.root / "a").exists()


def test_an_ended_upload_is_not_found(store: Store) -> None:
    write = options()
    upload = store.driver.begin("a", write)
    sent = send(store, "a", upload, [b"1"])
    store.driver.commit("a", upload, sent, zlib.crc32(b"1"), write)
    for call in (
        lambda: store.driver.commit("a", upload, sent, zlib.crc32(b"1"), write),
        lambda: send(store, "a", upload, [b"1"]),
        lambda: send(store, "a", "unknown", [b"1"]),
    ):
        with pytest.raises(NotFound):
            call()
    assert store.get("a") == b"1"


def test_a_refused_commit_can_be_tried_again(store: Store) -> None:
    store.put("a", b"old")
    write = options(if_absent=True)
    upload = store.driver.begin("a", write)
    sent = send(store, "a", upload, [b"1"])
    with pytest.raises(AlreadyExists):
        store.driver.commit("a", upload, sent, zlib.crc32(b"1"), write)
    store.delete("a")
    store.driver.commit("a", upload, sent, zlib.crc32(b"1"), write)
    assert store.get("a") == b"1"
    assert store.leftovers() == []


@pytest.mark.parametrize("wrong", ["missing first", "missing last", "gap", "other part"])
def test_parts_that_do_not_fit_are_refused(plain: Store, wrong: str) -> None:
    upload = plain.driver.begin("a", options())
    sent = send(plain, "a", upload, [b"11", b"22", b"33"])
    if wrong == "gap":
        part = Part(4, 10, b"44", zlib.crc32(b"44"))
        sent.append(plain.driver.upload_part("a", upload, part))
    given = {
        "missing first": sent[1:],
        "missing last": sent[:-1],
        "gap": sent,
        "other part": [sent[0], sent[1], UploadedPart(3, "", 2, 0)],
    }[wrong]
    with pytest.raises(IntegrityError):
        plain.driver.commit("a", upload, given, 0, options())
    assert plain.keys() == []


def test_a_part_that_does_not_match_its_checksum_is_refused(plain: Store) -> None:
    upload = plain.driver.begin("a", options())
    with pytest.raises(IntegrityError):
        plain.driver.upload_part("a", upload, Part(1, 0, b"1", zlib.crc32(b"2")))


def test_closing_drops_open_uploads(store: Store) -> None:
    upload = store.driver.begin("a", options())
    send(store, "a", upload, PIECES)
    store.driver.close()
    gc.collect()
    assert store.leftovers() == []


def test_a_forked_child_has_no_part_in_its_parents_uploads(store: Store) -> None:
    upload = store.driver.begin("a", options())
    send(store, "a", upload, [b"1"])

    def work() -> None:
        with pytest.raises(NotFound):
            send(store, "a", upload, [b"2"])
        store.put("b")

    joined([forked(work)])
    sent = send(store, "a", upload, [b"1"])
    store.driver.commit("a", upload, sent, zlib.crc32(b"1"), options())
    assert store.get("a") == b"1"


def test_a_running_writers_file_is_not_swept(make: Make) -> None:
    writer = make()
    upload = writer.driver.begin("a", options())
    sent = send(writer, "a", upload, PIECES)
    make().put("b")
    writer.driver.commit("a", upload, sent, zlib.crc32(b"".join(PIECES)), options())
    assert writer.get("a") == b"".join(PIECES)


def test_a_file_that_is_about_to_be_published_is_not_swept(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make()
    publish = store.driver._publisher.publish

    def interrupted(*arguments: Any) -> None:
        make()  # connecting sweeps
        publish(*arguments)

    monkeypatch.setattr(store.driver._publisher, "publish", interrupted)
    for body in (b"1", b"2"):
        put = store.put("a", body, metadata={"n": "1"})
        assert store.stat("a") == put
        assert store.get("a") == body


def test_a_name_that_was_swept_before_it_was_locked_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "root", ("auto", "named"))
    store.put("b")
    real = fcntl.flock
    swept: list[str] = []

    def late(descriptor: int, operation: int) -> None:
        if not swept:
            for path in store.root.glob("%portable/staging/*"):
                swept.append(path.name)
                path.unlink()
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    store.put("a", b"1")
    assert swept
    assert store.get("a") == b"1"
