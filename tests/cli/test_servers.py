"""Objects at S3: from one server to another, and what goes wrong on the way there."""

from __future__ import annotations

import boto3
import moto
import pytest

import portable
from portable.testing.servers import S3Server, make_bucket
from tests.cli.conftest import Run, use_credentials


def test_two_servers_may_have_buckets_of_one_name(
    run: Run, moto: S3Server, weed: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy to the same bucket and key at another server is a copy."""
    use_credentials(weed, monkeypatch)  # moto takes any
    for server in (moto, weed):
        make_bucket(server, "twin")
    source, target = (f"s3://twin/k?endpoint={server.endpoint}" for server in (moto, weed))
    assert run("cp", "-", source, given=b"hello").code == 0
    assert run("cp", source, target).code == 0
    assert portable.open_bucket(f"s3://twin?endpoint={weed.endpoint}").get("k") == b"hello"
    assert run("mv", source, target).code == 2  # their names can't tell them apart
    assert run("cat", source).out == b"hello"


def test_a_users_own_moto(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """`mock_aws` in the same process, as in users' tests."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with moto.mock_aws():
        boto3.session.Session().client("s3").create_bucket(Bucket="acme")
        assert run("cp", "-", "s3://acme/runs/7/log", given=b"hello").code == 0
        assert run("ls", "s3://acme/runs").lines == ["runs/7/"]
        assert run("mv", "s3://acme/runs/7/log", "s3://acme/old/").code == 0
        assert run("cat", "s3://acme/old/log").out == b"hello"
        assert run("rm", "-ry", "s3://acme/old").code == 0
        assert run("ls", "-r", "s3://acme").lines == []


def test_a_bucket_that_is_missing(run: Run, s3: S3Server) -> None:
    """Exit code 3, and where to look for the name."""
    outcome = run("ls", f"s3://nobody-has-this?endpoint={s3.endpoint}")
    assert outcome.code == 3
    assert "NoSuchBucket" in outcome.err
    assert "hint: `portable config show`" in outcome.err


def test_a_server_that_cant_be_reached(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 6, and the doctor as a hint."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    outcome = run("ls", "s3://acme?endpoint=http://127.0.0.1:9&attempts=1")
    assert outcome.code == 6
    assert "hint: `portable doctor`" in outcome.err


def test_no_credentials(run: Run) -> None:
    """Exit code 4."""
    assert run("ls", "s3://acme?endpoint=http://127.0.0.1:9").code == 4
