"""Killed in the middle, run again: ends right, and what is there isn't sent again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import portable
from portable.errors import NotFound, Unavailable
from portable.storage import Bucket
from portable.transfers import multipart, partial, routes
from portable.transfers.landing import Landing
from portable.transfers.walk import PARTIAL
from tests.transfers.conftest import Fill, files_of, objects_of

pytestmark = pytest.mark.xdist_group("transfers")  # one server
FILES = {f"{number % 3}/{number:02}": bytes([number]) * 1000 for number in range(60)}
MIB = 1024**2
LARGE = os.urandom(MIB) * 30

# A child syncs argv[1] to argv[2] until its report says enough, and kills itself there.
CHILD = """
import os, signal, sys
from pathlib import Path
import portable
from portable.transfers import engine, partial, routes
engine.TELL_SECONDS = 0
routes.RESUMED_BYTES = int(sys.argv[3])
partial.PIECE_BYTES = 1024 ** 2
what, enough = sys.argv[4], int(sys.argv[5])

def told(report):
    if getattr(report, what) >= enough:
        os.kill(os.getpid(), signal.SIGKILL)

place = lambda text: text if "://" in text else Path(text)
portable.storage.sync(place(sys.argv[1]), place(sys.argv[2]), workers=4, progress=told)
"""


def killed(source: str, target: str, *, what: str, enough: int, resumed: int = 2**40) -> None:
    """Run the child, and see it die where it should."""
    words = [sys.executable, "-c", CHILD, source, target, str(resumed), what, str(enough)]
    done = subprocess.run(words, capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def counting(monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> list[Any]:
    """The calls of a method from now on."""
    calls: list[Any] = []
    real: Callable[..., Any] = getattr(owner, name)

    def counted(*given: Any, **named: Any) -> Any:
        calls.append(given)
        return real(*given, **named)

    monkeypatch.setattr(owner, name, counted)
    return calls


def test_a_killed_upload_goes_on(s3_url: str, fill: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    """What had arrived isn't sent again."""
    source = fill(FILES)
    killed(str(source), s3_url, what="sent", enough=20)
    bucket = portable.open_bucket(s3_url)
    arrived = len(list(bucket.list()))
    assert 20 <= arrived < 60
    puts = counting(monkeypatch, bucket._connection.driver, "put")
    report = bucket.sync(source, bucket)
    assert (report.sent, report.skipped, report.failed) == (60 - arrived, arrived, 0)
    assert len(puts) == 60 - arrived
    assert objects_of(bucket) == FILES


def test_a_killed_download_goes_on(s3_url: str, fill: Fill, tmp_path: Path) -> None:
    """And what the dead one left on its way is removed."""
    bucket = portable.open_bucket(s3_url)
    bucket.upload(fill(FILES))
    down = tmp_path / "down"
    killed(s3_url, str(down), what="sent", enough=20)
    (down / PARTIAL).mkdir(exist_ok=True)
    (down / PARTIAL / "0123").write_bytes(b"left over")
    arrived = len([name for name in files_of(down) if not name.startswith(PARTIAL)])
    assert 20 <= arrived < 60
    report = bucket.download("", down)
    assert (report.sent, report.skipped, report.failed) == (60 - arrived, arrived, 0)
    assert files_of(down) == FILES
    assert not (down / PARTIAL).exists()


@pytest.fixture
def large(s3_url: str, fill: Fill, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Bucket]:
    """A file of four parts, and a bucket that has some of them from a killed upload."""
    source = fill({"large": LARGE})
    killed(str(source), s3_url, what="bytes", enough=8 * MIB, resumed=MIB)
    monkeypatch.setattr(routes, "RESUMED_BYTES", MIB)
    bucket = portable.open_bucket(s3_url)
    assert not bucket.exists("large")
    return source, bucket


def test_a_killed_upload_of_one_large_file_goes_on(
    large: tuple[Path, Bucket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the parts that the server has; nothing is left behind."""
    source, bucket = large
    sent = counting(monkeypatch, bucket._connection.driver, "upload_part")
    assert bucket.upload(source).sent == 1
    assert len(sent) < 4
    assert bucket.get("large") == LARGE
    assert bucket.abort_stale_uploads(0) == 0
    assert not list(Path(os.environ["PORTABLE_CACHE"]).rglob("*.jsonl"))


def test_the_parts_of_another_file_are_of_no_use(
    large: tuple[Path, Bucket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file was edited since: all of it is sent, and the old parts are dropped."""
    source, bucket = large
    edited = LARGE[:-106] + b"edited" + LARGE[-100:]
    (source / "large").write_bytes(edited)
    sent = counting(monkeypatch, bucket._connection.driver, "upload_part")
    assert bucket.upload(source).sent == 1
    assert len(sent) == 4
    assert bucket.get("large") == edited
    assert bucket.abort_stale_uploads(0) == 0


def test_parts_that_the_server_dropped_are_sent_again(large: tuple[Path, Bucket]) -> None:
    """As a lifecycle rule does."""
    source, bucket = large
    assert bucket.abort_stale_uploads(0) == 1
    assert bucket.upload(source).sent == 1
    assert bucket.get("large") == LARGE


def test_an_upload_that_failed_for_good_leaves_no_parts(
    s3_url: str, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that may go on later keeps them."""
    monkeypatch.setattr(routes, "RESUMED_BYTES", MIB)
    bucket = portable.open_bucket(f"{s3_url}&attempts=1")
    source = fill({"large": LARGE})
    driver = bucket._connection.driver
    for error, left in ((portable.errors.PermissionDenied("no"), 0), (Unavailable("now"), 1)):

        def failing(*_: Any, error: Exception = error) -> Any:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(driver, "commit", failing)
            assert bucket.upload(source).failed == 1
        assert len(list(driver.uploads(bucket._connection.prefix))) == left
    assert bucket.upload(source).sent == 1
    assert bucket.abort_stale_uploads(0) == 0


@pytest.fixture
def half(
    s3_url: str, fill: Fill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Bucket, Path]:
    """An object, and what a killed download has of it."""
    bucket = portable.open_bucket(s3_url)
    bucket.put("large", LARGE)
    down = tmp_path / "down"
    killed(s3_url, str(down), what="bytes", enough=12 * MIB, resumed=MIB)
    monkeypatch.setattr(routes, "RESUMED_BYTES", MIB)
    monkeypatch.setattr(partial, "PIECE_BYTES", MIB)
    assert not (down / "large").exists()
    return bucket, down


def test_a_killed_download_of_one_large_object_goes_on(
    half: tuple[Bucket, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the pieces that are whole."""
    bucket, down = half
    reads = counting(monkeypatch, bucket._connection.driver, "read")
    report = bucket.download("", down)
    assert report.sent == 1
    assert len(reads) <= 30 - 12 + 6  # those under way were lost
    assert report.bytes == len(reads) * MIB
    assert files_of(down) == {"large": LARGE}


def test_pieces_that_were_damaged_are_fetched_again(half: tuple[Bucket, Path]) -> None:
    """A power cut may leave a hole where the notes say that a piece is."""
    bucket, down = half
    (kept,) = [path for path in (down / PARTIAL).iterdir() if not path.suffix]
    with kept.open("r+b") as file:
        file.write(bytes(5 * MIB))
    assert bucket.download("", down).sent == 1
    assert files_of(down) == {"large": LARGE}


def test_pieces_of_another_revision_are_of_no_use(half: tuple[Bucket, Path]) -> None:
    bucket, down = half
    bucket.put("large", LARGE[::-1])
    assert bucket.download("", down).bytes == len(LARGE)
    assert files_of(down) == {"large": LARGE[::-1]}


def test_two_downloads_into_one_folder_at_once(s3_url: str, fill: Fill, tmp_path: Path) -> None:
    """Neither removes what is the other's, nor takes the same bytes for a failure."""
    bucket = portable.open_bucket(s3_url)
    bucket.upload(fill(FILES))
    down = tmp_path / "down"
    inner: list[portable.storage.TransferReport] = []

    def told(_: object) -> None:
        if not inner:
            inner.append(portable.open_bucket(s3_url).download("", down))

    report = bucket.download("", down, progress=told)
    assert files_of(down) == FILES
    assert not (down / PARTIAL).exists()
    assert (inner[0].failed, report.failed) == (0, 0)


@pytest.mark.parametrize("folder", ["no folder", "full"])
def test_a_large_file_goes_up_without_a_journal(
    s3_url: str, fill: Fill, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: str
) -> None:
    """The cache folder can't be written to; the upload can only not be gone on with."""
    monkeypatch.setattr(routes, "RESUMED_BYTES", MIB)
    if folder == "full":
        monkeypatch.setattr(multipart, "_locked", lambda _: os.open("/dev/full", os.O_RDWR))
    else:
        (tmp_path / "file").write_bytes(b"")
        monkeypatch.setenv("PORTABLE_CACHE", str(tmp_path / "file"))
    bucket = portable.open_bucket(s3_url)
    assert bucket.upload(fill({"large": LARGE})).sent == 1
    assert bucket.get("large") == LARGE
    assert bucket.abort_stale_uploads(0) == 0


def test_two_uploads_of_one_large_file_leave_each_other_alone(
    s3_url: str, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One edits its file meanwhile: the parts of the other are not dropped as out of date."""
    monkeypatch.setattr(routes, "RESUMED_BYTES", MIB)
    bucket = portable.open_bucket(s3_url)
    source = fill({"a/large": LARGE, "b/large": LARGE[::-1]})
    driver = bucket._connection.driver
    commit = driver.commit

    def commit_after_another(*given: Any, **named: Any) -> Any:
        monkeypatch.setattr(driver, "commit", commit)
        assert portable.open_bucket(s3_url).upload(source / "b").sent == 1
        return commit(*given, **named)

    monkeypatch.setattr(driver, "commit", commit_after_another)
    report = bucket.upload(source / "a")
    report.raise_for_failures()
    assert bucket.get("large") == LARGE
    assert bucket.abort_stale_uploads(0) == 0


def test_an_upload_that_cant_be_gone_on_with_leaves_no_parts(
    s3_url: str, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no journal, and the server fails: the next run couldn't find them."""
    monkeypatch.setattr(routes, "RESUMED_BYTES", MIB)
    monkeypatch.setattr(multipart, "_locked", lambda _: os.open("/dev/full", os.O_RDWR))
    bucket = portable.open_bucket(f"{s3_url}&attempts=1")

    def failing(*_: Any) -> Any:
        raise Unavailable("now")

    monkeypatch.setattr(bucket._connection.driver, "commit", failing)
    assert bucket.upload(fill({"large": LARGE})).failed == 1
    assert bucket.abort_stale_uploads(0) == 0


def test_an_upload_whose_parts_go_away_again_and_again_is_a_failure(
    large: tuple[Path, Bucket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of that file, in the words of the server."""
    source, bucket = large

    def gone(*_: Any) -> Any:
        raise NotFound("no such upload")

    monkeypatch.setattr(bucket._connection.driver, "commit", gone)
    report = bucket.upload(source)
    assert (report.sent, report.failed) == (0, 1)
    assert type(report.failures[0].error) is NotFound
    assert "no such upload" in report.failures[0].reason


SWEEPER = """
import sys
from portable.transfers.landing import Landing
landing = Landing(sys.argv[1], durable=False)
while True:
    landing.sweep()
"""


def test_a_transfer_that_begins_takes_nothing_from_one_under_way(tmp_path: Path) -> None:
    """It looks for what dead ones left, and locks each for a moment to see."""
    landing, token = Landing(str(tmp_path), durable=False), ""
    with subprocess.Popen([sys.executable, "-c", SWEEPER, str(tmp_path)]) as sweeper:
        try:
            for number in range(1000):
                kept = landing.keeping("file", token, "mark")
                with kept if number % 2 else landing.arriving("file", token) as arrival:
                    os.write(arrival.file, b"%d" % number)
                token = arrival.token
                assert (tmp_path / "file").read_bytes() == b"%d" % number
        finally:
            sweeper.kill()
