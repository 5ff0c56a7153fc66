"""``portable doctor``, against providers that work and providers that don't."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import portable
import portable.cli.doctor.reach
import portable_aws.storage
import portable_memory.storage
from portable.errors import NotFound, PermissionDenied
from portable.storage.driver import StoredObject, WriteOptions
from portable.testing.servers import S3Server, make_bucket
from portable_aws.storage import S3Storage
from portable_memory.storage import MemoryStorage
from tests.cli.conftest import Outcome, Run, use_credentials

WORKING = ["write", "read", "stat", "listed", "if_absent", "if_match", "multipart", "abort"]


def statuses(outcome: Outcome) -> dict[str, str]:
    return {check["name"]: check["status"] for check in outcome.document["checks"]}


def failed(outcome: Outcome) -> dict[str, dict[str, str]]:
    checks = outcome.document["checks"]
    return {check["name"]: check for check in checks if check["status"] == "failed"}


def test_the_built_in_provider_works_and_is_left_clean(run: Run, folder: Path) -> None:
    """What it can't do is skipped with a reason; no object remains."""
    outcome = run("doctor", "--json")
    found = statuses(outcome)
    assert (outcome.code, outcome.document["ok"]) == (0, True)
    assert {found[name] for name in [*WORKING, "copy", "delete", "cleanup"]} == {"ok"}
    assert (found["rules"], found["sign"]) == ("skipped", "skipped")
    assert all(check["detail"] or check["name"] == "list" for check in outcome.document["checks"])
    assert not list(portable.open_bucket("file://" + str(folder / ".portable/storage")).list())


def test_a_report_for_people(run: Run) -> None:
    """Sections, and a line a check."""
    outcome = run("--profile", "memory", "doctor")
    assert outcome.lines[0] == "settings"
    assert "  ok       profile      memory" in outcome.lines
    assert "  ok       cleanup      nothing is left" in outcome.lines
    assert outcome.err == "all is well\n"


def test_a_server_that_keeps_every_promise(run: Run, s3: S3Server) -> None:
    """Everything is tried, below the prefix; nothing is left, parts included."""
    make_bucket(s3, "healthy")
    outcome = run("doctor", f"s3://healthy/team?endpoint={s3.endpoint}", "--json")
    assert failed(outcome) == {}
    assert set(statuses(outcome).values()) == {"ok"}
    bucket = portable.open_bucket(f"s3://healthy?endpoint={s3.endpoint}")
    assert not list(bucket.list())
    assert not list(bucket._connection.driver.uploads(""))


def test_a_named_bucket(run: Run, folder: Path) -> None:
    """By its name, or as on the rest of the command line."""
    (folder / "portable.toml").write_text(
        '[lab]\nprovider = "memory"\n[lab.buckets]\nx = "memory://x/below"\n'
    )
    for name in ("x", "portable://@x"):
        assert run("doctor", name, "--json").document["url"] == "memory://x/below"
    assert run("doctor", "portable://", "--json").document["url"] == "memory://default"


def test_settings_that_cant_be_used(run: Run, folder: Path) -> None:
    """The one check has every problem."""
    (folder / "portable.toml").write_text('[lab]\nprovider = "aws"\nregoin = "eu"\n')
    outcome = run("doctor", "--json")
    assert outcome.code == 1
    assert list(statuses(outcome).items()) == [("profile", "failed")]
    assert "did you mean 'region'" in failed(outcome)["profile"]["detail"]


def test_conditions_that_are_ignored(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worst a server can do: two writers overwrite each other and nobody is told."""
    put = MemoryStorage.put

    def careless(
        self: MemoryStorage, key: str, body: bytes, crc32: int, write: WriteOptions
    ) -> StoredObject:
        return put(self, key, body, crc32, replace(write, if_absent=False, if_match=None))

    monkeypatch.setattr(MemoryStorage, "put", careless)
    outcome = run("--profile", "memory", "doctor", "--json")
    assert outcome.code == 1
    assert set(failed(outcome)) == {"if_absent", "if_match"}
    for check in failed(outcome).values():
        assert "doesn't keep conditions" in check["detail"]
        assert "don't rely on" in check["advice"]


def test_conditions_that_are_refused_after_the_fact(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The right error isn't enough: the object has to be as it was."""
    put = MemoryStorage.put

    def hasty(
        self: MemoryStorage, key: str, body: bytes, crc32: int, write: WriteOptions
    ) -> StoredObject:
        try:
            return put(self, key, body, crc32, write)
        except (portable.errors.AlreadyExists, portable.errors.PreconditionFailed):
            put(self, key, body, crc32, replace(write, if_absent=False, if_match=None))
            raise

    monkeypatch.setattr(MemoryStorage, "put", hasty)
    outcome = run("--profile", "memory", "doctor", "--json")
    assert set(failed(outcome)) == {"if_absent", "if_match"}
    assert "changed all the same" in failed(outcome)["if_match"]["detail"]


def test_ignored_conditions_have_a_setting_where_the_adapter_has_one(
    run: Run, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And with it the checks are skipped, not passed."""
    make_bucket(s3, "careless")
    monkeypatch.setattr(portable_aws.storage, "conditional", lambda _: {})
    url = f"s3://careless?endpoint={s3.endpoint}"
    outcome = run("doctor", url, "--json")
    assert set(failed(outcome)) == {"if_absent", "if_match"}
    assert "conditional_writes = false" in failed(outcome)["if_absent"]["advice"]
    found = statuses(run("doctor", f"{url}&conditional_writes=false", "--json"))
    assert (found["if_absent"], found["if_match"], found["write"]) == ("skipped", "skipped", "ok")


@pytest.mark.parametrize(
    ("method", "check", "permission"),
    [
        ("put", "write", "s3:PutObject"),
        ("list", "list", "s3:ListBucket"),
        ("read", "read", "s3:GetObject"),
        ("begin", "multipart", "s3:PutObject"),
        ("abort", "abort", "s3:AbortMultipartUpload"),
        ("delete", "delete", "s3:DeleteObject"),
        ("copy", "copy", "s3:GetObject and s3:PutObject"),
    ],
)
def test_a_missing_permission_has_its_name(
    run: Run,
    s3: S3Server,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    check: str,
    permission: str,
) -> None:
    """As the provider calls it, with the bucket it is needed on."""
    make_bucket(s3, "closed")

    def denied(*_: object, **__: object) -> None:
        raise PermissionDenied("Access Denied")

    monkeypatch.setattr(S3Storage, method, denied)
    outcome = run("doctor", f"s3://closed?endpoint={s3.endpoint}&engine=sdk", "--json")
    assert outcome.code == 1
    assert failed(outcome)[check]["advice"] == (
        f"allow these credentials {permission} on s3://closed"
    )


def test_what_cant_be_cleaned_up_is_named(
    run: Run, in_memory: portable.storage.Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Someone has to remove it by hand."""

    def denied(self: MemoryStorage, keys: list[str]) -> Mapping[str, Exception]:
        return {key: PermissionDenied("no") for key in keys}

    monkeypatch.setattr(MemoryStorage, "delete", denied)
    check = failed(run("doctor", "--json"))["cleanup"]
    left = {info.key.rpartition("/")[0] for info in in_memory.list(".portable-doctor/")}
    assert check["advice"] == f"remove what is below memory://default/{left.pop()}/"


def test_interrupted_it_cleans_up(
    run: Run, in_memory: portable.storage.Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Objects and parts."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(MemoryStorage, "commit", interrupted)
    assert run("doctor").code == 130
    assert not list(in_memory.list())
    assert not portable_memory.storage._stores["default"].uploads


def test_a_missing_bucket(run: Run, s3: S3Server) -> None:
    """One failure; what needs it is skipped, in one line for people."""
    url = f"s3://nobody-has-this?endpoint={s3.endpoint}"
    outcome = run("doctor", url, "--json")
    assert outcome.code == 1
    assert set(failed(outcome)) == {"bucket"}
    assert "make the bucket" in failed(outcome)["bucket"]["advice"]
    found = statuses(outcome)
    assert (found["credentials"], found["write"], "cleanup" in found) == ("ok", "skipped", False)
    assert sum("skipped" in line for line in run("doctor", url).lines) == 1


def test_no_credentials(run: Run, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The adapter's own sentence says where they come from."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    outcome = run("doctor", f"s3://acme?endpoint={s3.endpoint}", "--json")
    assert set(failed(outcome)) == {"credentials"}
    assert "AWS_ACCESS_KEY_ID" in failed(outcome)["credentials"]["advice"]


def test_wrong_credentials(run: Run, weed: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a server that checks signatures; and with the right ones all is well there."""
    make_bucket(weed, "acme")
    use_credentials(weed, monkeypatch)
    url = f"s3://acme?endpoint={weed.endpoint}"
    assert failed(run("doctor", url, "--json")) == {}
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
    outcome = run("doctor", url, "--json")
    assert set(failed(outcome)) == {"credentials"}
    assert "SignatureDoesNotMatch" in failed(outcome)["credentials"]["detail"]
    assert "not-the-secret" not in outcome.text


def test_an_endpoint_that_cant_be_reached(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It doesn't wait for retries, and says what to look at."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    outcome = run("doctor", f"s3://acme?endpoint=http://127.0.0.1:{port}", "--json")
    assert set(failed(outcome)) == {"answer"}
    assert "Connection refused" in failed(outcome)["answer"]["detail"]
    assert "start the server" in failed(outcome)["answer"]["advice"]


def test_a_name_that_leads_to_a_metadata_service(
    run: Run, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent there."""

    def resolved(*_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    outcome = run("doctor", "s3://acme?endpoint=https://s3.example.com", "--json")
    assert set(failed(outcome)) == {"name"}
    assert statuses(outcome)["answer"] == "skipped"


def test_a_clock_that_is_off(run: Run, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """By more than signatures bear."""

    class Late(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Late:
            return cls.fromtimestamp(datetime.now(UTC).timestamp() + 1000, tz)

    make_bucket(s3, "late")
    monkeypatch.setattr(portable.cli.doctor.reach, "datetime", Late)
    check = failed(run("doctor", f"s3://late?endpoint={s3.endpoint}", "--json"))["clock"]
    assert timedelta(seconds=990).total_seconds() < float(check["detail"].split()[4])
    assert "NTP" in check["advice"]


def test_bytes_that_come_back_changed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read is compared, not only made."""
    monkeypatch.setattr(portable.storage.Bucket, "get", lambda *_, **__: b"other", raising=True)
    outcome = run("--profile", "memory", "doctor", "--json")
    assert failed(outcome)["read"]["detail"] == "other bytes than were written"


def test_an_object_that_a_listing_doesnt_have(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listings that lag behind are told."""
    monkeypatch.setattr(MemoryStorage, "list", lambda *_, **__: _EMPTY)
    assert set(failed(run("--profile", "memory", "doctor", "--json"))) == {"listed"}


def test_a_provider_that_loses_what_it_took(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it answers."""

    def lost(*_: object, **__: object) -> None:
        raise NotFound("no such object")

    monkeypatch.setattr(MemoryStorage, "read", lost)
    assert "read" in failed(run("--profile", "memory", "doctor", "--json"))


_EMPTY = portable.storage.driver.Page([], [], None)
