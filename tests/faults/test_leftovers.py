"""What an upload that could neither be finished nor dropped leaves is found and removed."""

from __future__ import annotations

from typing import Any

import pytest

from portable.errors import PortableError
from portable.testing.faults import Fault, Request

from .scenes import MIB
from .stage import Stage
from .targets import TARGETS, each_target

LARGE = bytes(9 * MIB)


@pytest.mark.parametrize("target", each_target(writing=True))
@pytest.mark.parametrize("conditional", [False, True])
def test_the_parts_of_an_upload_cut_off_are_removed_later(stage: Stage, conditional: bool) -> None:
    """The line is cut when the parts are there, and stays so until the call gives up."""
    key = f"leftovers/{conditional}"
    is_part = stage.is_kind("part")
    parts = 0

    def is_after_parts(request: Request) -> bool:
        nonlocal parts
        if parts < 2 and (stage.is_kind("begin")(request) or is_part(request)):
            parts += is_part(request)
            return False
        return True

    stage.proxy.add(Fault("status", match=is_after_parts, answer=stage.dialect.failed, times=None))
    with stage.bucket() as bucket:
        with pytest.raises(PortableError):
            bucket.put(key, LARGE, if_absent=conditional)
        stage.proxy.clear()
        assert stage.store.leftovers("leftovers/") > 0
        assert bucket.abort_stale_uploads(older_than=0) > 0
    assert stage.store.leftovers("leftovers/") == 0
    assert stage.store.content(key) is None
    stage.store.drop("leftovers/")


@pytest.mark.parametrize("target", each_target(writing=True))
def test_an_upload_that_fails_leaves_nothing(stage: Stage) -> None:
    """Its publication is refused; the parts are dropped before the error comes."""
    refusal, kind = stage.dialect.refusals["not allowed"]
    publishes = stage.is_kind(stage.dialect.publishes)
    stage.proxy.add(Fault("status", match=publishes, answer=refusal, times=None))
    with stage.bucket() as bucket, pytest.raises(kind):
        bucket.put("leftovers/refused", LARGE, if_absent=True)
    assert stage.store.leftovers("leftovers/") == 0
    assert stage.store.content("leftovers/refused") is None


LEAVING = [each for each in each_target(writing=True) if TARGETS[str(each.values[0])].leaves]


@pytest.mark.parametrize("target", LEAVING)
@pytest.mark.parametrize("options", [{"if_absent": True}, {"if_match": True}], ids=str)
def test_what_a_failed_clean_up_leaves_is_removed_later(
    stage: Stage, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The write has succeeded and says so; a warning tells of the rest."""
    key = "leftovers/published"
    with stage.bucket() as bucket:
        if "if_match" in options:
            options = {"if_match": bucket.put(key, b"old").revision}
        stage.proxy.add(Fault("status", match=stage.is_kind("delete"), answer=stage.dialect.failed))
        bucket.put(key, LARGE, **options)
        assert "abort_stale_uploads()" in caplog.text
        assert stage.store.leftovers("leftovers/") == 1
        assert bucket.abort_stale_uploads(older_than=0) == 1
    assert stage.store.leftovers("leftovers/") == 0
    assert stage.store.content(key) == LARGE
    stage.store.drop("leftovers/")
