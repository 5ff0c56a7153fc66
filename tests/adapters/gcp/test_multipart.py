"""Large objects: what is sent, and what becomes of a commit that is cut short (ADR 0010)."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from typing import Any

import pytest

from portable.errors import AlreadyExists, NotFound, OutcomeUnknown
from portable.storage import Bucket
from portable.testing.fakes.gcs import FakeGcs
from portable.testing.faults import Answer, Fault, FaultProxy
from portable.testing.targets.gcs import GcsOracle, sdk_client

from .conftest import BUCKET, Open

MIB = 1024**2
DATA = bytes(range(256)) * (17 * MIB // 256)
GATEWAY = Answer(502, (), b"")


@pytest.fixture
def oracle(fake: FakeGcs) -> GcsOracle:
    return GcsOracle(sdk_client(fake.endpoint), fake.endpoint, BUCKET)


def sent(proxy: FaultProxy) -> list[str]:
    """The requests, each by its method and what it is about; parts left out."""
    found = []
    for request in proxy.requests:
        what = "object"
        for name in ("uploads", "uploadId", "rewriteTo"):
            if name in request.target:
                what = name
        if "partNumber" not in request.target:
            found.append(f"{request.method} {what}")
    return found


class TestWithoutACondition:
    def test_it_is_completed_at_its_key(
        self, bucket: Bucket, proxy: FaultProxy, oracle: GcsOracle
    ) -> None:
        """And read back, for the revision."""
        info = bucket.put("key", DATA, metadata={"x": "é"})
        assert sent(proxy) == ["POST uploads", "POST uploadId", "GET object"]
        assert oracle.read("key") == DATA
        assert bucket.stat("key") == info
        assert oracle.open_uploads() == 0

    def test_the_answer_to_a_commit_that_is_lost_costs_nothing(
        self, bucket: Bucket, proxy: FaultProxy, oracle: GcsOracle
    ) -> None:
        proxy.add(Fault("lost", method="POST", path="uploadId"))
        info = bucket.put("key", DATA)
        assert info.revision == bucket.stat("key").revision
        assert oracle.read("key") == DATA

    def test_an_object_that_is_replaced_before_it_is_read_back_is_not_taken_for_ours(
        self, open_bucket: Open, proxy: FaultProxy, oracle: GcsOracle
    ) -> None:
        proxy.add(
            Fault("pass", method="GET", before=lambda _: oracle.write("key", b"theirs"), times=None)
        )
        with pytest.raises(OutcomeUnknown):
            open_bucket().put("key", DATA)
        assert oracle.read("key") == b"theirs"

    def test_a_commit_has_the_deadline_to_be_answered(
        self, open_bucket: Open, proxy: FaultProxy
    ) -> None:
        """Google may take minutes, in which no byte comes."""
        proxy.add(Fault("stall", method="POST", path="uploadId", seconds=2.0))
        open_bucket(read_timeout=1.5, attempts=1).put("key", DATA)  # parts take 0.5 s on a busy day


class TestWithACondition:
    def test_it_is_published_by_a_rewrite(
        self, bucket: Bucket, proxy: FaultProxy, oracle: GcsOracle
    ) -> None:
        """Which here, at 6 MiB a request, takes three."""
        info = bucket.put(
            "key", DATA, if_absent=True, metadata={"x": "é"}, storage_class="NEARLINE"
        )
        steps = ["POST uploads", "POST uploadId", *["POST rewriteTo"] * 3, "DELETE object"]
        assert sent(proxy) == steps
        rewrites = [request for request in proxy.requests if "rewriteTo" in request.target]
        assert all("ifGenerationMatch=0" in request.target for request in rewrites)
        assert oracle.read("key") == DATA
        assert bucket.stat("key") == info
        assert (info.metadata, info.storage_class) == ({"x": "é"}, "NEARLINE")
        assert oracle.open_uploads() == 0

    def test_nothing_is_listed_before(self, bucket: Bucket, proxy: FaultProxy) -> None:
        seen: list[str] = []
        proxy.add(
            Fault(
                "pass",
                method="POST",
                path="uploadId",
                before=lambda _: seen.extend(info.key for info in bucket.list()),
            )
        )
        bucket.put("key", DATA, if_absent=True)
        assert seen == []

    def test_the_upload_is_below_the_buckets_prefix(
        self, open_bucket: Open, proxy: FaultProxy
    ) -> None:
        open_bucket(prefix="team").put("key", DATA, if_absent=True)
        begun = proxy.requests[0].target
        assert re.fullmatch(rf"/{BUCKET}/team/\.portable-unfinished/[0-9a-f]{{24}}\?uploads", begun)

    @pytest.mark.parametrize("step", ["uploadId", "rewriteTo", "DELETE"])
    def test_an_answer_that_is_lost_costs_nothing(
        self, bucket: Bucket, proxy: FaultProxy, oracle: GcsOracle, step: str
    ) -> None:
        """At whichever step: our own write is no conflict."""
        if step == "DELETE":
            proxy.add(Fault("lost", method="DELETE"))
        elif step == "uploadId":
            proxy.add(Fault("lost", method="POST", path="uploadId"))
        else:
            proxy.add(Fault("lost", method="POST", path="rewriteTo", after=2))
        info = bucket.put("key", DATA, if_absent=True)
        assert info.revision == bucket.stat("key").revision
        assert oracle.read("key") == DATA

    def test_a_condition_that_fails_leaves_nothing(self, bucket: Bucket, oracle: GcsOracle) -> None:
        oracle.write("key", b"theirs")
        with pytest.raises(AlreadyExists):
            bucket.put("key", DATA, if_absent=True)
        assert oracle.read("key") == b"theirs"
        assert oracle.open_uploads() == 0

    def test_what_can_not_be_deleted_is_told_of_and_found(
        self,
        open_bucket: Open,
        proxy: FaultProxy,
        oracle: GcsOracle,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """The object is published all the same."""
        bucket = open_bucket()
        proxy.add(Fault("status", method="DELETE", answer=GATEWAY))
        with caplog.at_level(logging.WARNING, "portable.storage"):
            bucket.put("key", DATA, if_absent=True)
        assert "abort_stale_uploads" in caplog.text
        assert oracle.read("key") == DATA
        assert oracle.open_uploads() == 1
        assert bucket.abort_stale_uploads(older_than=timedelta(days=1)) == 0
        assert bucket.abort_stale_uploads(older_than=0) == 1
        assert oracle.open_uploads() == 0


class TestLeftovers:
    def test_uploads_under_way_are_found_in_pages(
        self, bucket: Bucket, proxy: FaultProxy, oracle: GcsOracle
    ) -> None:
        for number in range(3):
            oracle.begin_upload(f"key <{number}> & é")
        assert bucket.abort_stale_uploads(older_than=0) == 3
        assert oracle.open_uploads() == 0

    def test_a_commit_of_an_upload_that_is_gone_is_no_success(
        self, open_bucket: Open, fake: FakeGcs, proxy: FaultProxy
    ) -> None:
        """Somebody swept too eagerly."""
        every: list[dict[str, Any]] = [{}, {"if_absent": True}]
        for options in every:
            fake.make_bucket(BUCKET)
            sweeper = open_bucket(endpoint=fake.endpoint)

            def sweep(_: object, sweeper: Bucket = sweeper) -> None:
                sweeper.abort_stale_uploads(older_than=0)

            proxy.add(Fault("pass", method="POST", path="uploadId", before=sweep))
            with pytest.raises((NotFound, OutcomeUnknown)):
                open_bucket().put("key", DATA, **options)
            assert list(sweeper.list()) == []
