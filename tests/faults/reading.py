"""The reads that faults are tried on, and which values are right."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from portable.storage import large

from .dialect import IN_PLACE
from .scenes import (
    LARGE,
    MIB,
    OTHER_LARGE,
    OTHER_SMALL,
    OTHER_SPREAD,
    RANGE,
    RANGES,
    SMALL,
    SPREAD,
    Operation,
    Scene,
)
from .stage import Time


def _one_of(*wanted: Any) -> Callable[[Scene, Any, Exception | None], str | None]:
    """The value of a read is one of these, whole."""

    def check(_: Scene, value: Any, error: Exception | None) -> str | None:
        if error is not None or value in wanted:
            return None
        return f"wrong data: {str(value)[:40]!r}… of length {len(value)}"

    return check


def _kept(key: str, data: bytes, **changed: Any) -> Callable[[Scene], None]:
    return lambda scene: scene.stage.keep(key, data, **changed)


def _get(key: str, scene: Scene) -> bytes:
    return scene.bucket.get(key if key else scene.key)


def _get_in_place(scene: Scene) -> bytes:
    """What is left after a sample is enough to be received in place."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large, "LONG_BYTES", 8 * MIB)
        return _get("kept/large", scene)


def _read_file(key: str, scene: Scene) -> bytes:
    with scene.bucket.open(key) as file:
        return b"".join(iter(partial(file.read, 100_000), b""))


def _reads(key: str, data: bytes, other: bytes, **more: Any) -> dict[str, Any]:
    return {
        "prepare": _kept(key, data, **more.pop("settings", {})),
        "check": _one_of(data, other),
        "size": len(data),
        "reads": key,
        "whole": True,
        "other": other,
        **more,
    }


def _cut(data: bytes) -> list[bytes]:
    return [data[start:end] for start, end in RANGES]


def _stat_is_right(scene: Scene, value: Any, error: Exception | None) -> str | None:
    if error is not None:
        return None
    right = (len(SMALL), scene.stage.store.revision("kept/small"))
    return None if (value.size, value.revision) == right else f"wrong info: {value}"


def _list_is_right(_: Scene, value: Any, error: Exception | None) -> str | None:
    right = [(f"kept/listed/{name}", 1) for name in "abcdef"]
    found = [(info.key, info.size) for info in value or ()]
    return None if error is not None or found == right else f"wrong listing: {found}"


def _prepare_listed(scene: Scene) -> None:
    for name in "abcdef":
        scene.stage.keep(f"kept/listed/{name}", b"x")


READS = (
    Operation(
        name="get small",
        run=partial(_get, "kept/small"),
        **_reads("kept/small", SMALL, OTHER_SMALL),
    ),
    Operation(
        name="get small, own digest",
        run=partial(_get, "kept/small-own"),
        settings={"checksums": "when_required"},
        **_reads("kept/small-own", SMALL, OTHER_SMALL, settings={"checksums": "when_required"}),
    ),
    Operation(
        name="get 17 MiB, one stream",
        run=partial(_get, "kept/large"),
        edges=(large.SAMPLE_BYTES, 8 * MIB),
        when=partial(Time, pace=0.02),
        **_reads("kept/large", LARGE, OTHER_LARGE),
    ),
    Operation(
        name=IN_PLACE,
        run=_get_in_place,
        settings={"engine": "fast"},
        edges=(large.SAMPLE_BYTES, 8 * MIB),
        when=partial(Time, pace=0.02),
        **_reads("kept/large", LARGE, OTHER_LARGE),
    ),
    Operation(
        name="get 17 MiB, parallel",
        run=partial(_get, "kept/large"),
        edges=(large.SAMPLE_BYTES,),
        when=partial(Time, step=0.02),
        **_reads("kept/large", LARGE, OTHER_LARGE),
    ),
    Operation(
        name="get range",
        run=lambda scene: scene.bucket.get("kept/small", range=RANGE),
        **{
            **_reads("kept/small", SMALL, OTHER_SMALL),
            "check": _one_of(SMALL[slice(*RANGE)], OTHER_SMALL[slice(*RANGE)]),
            "size": RANGE[1] - RANGE[0],
            "whole": False,
        },
    ),
    Operation(
        name="get_ranges",
        run=lambda scene: scene.bucket.get_ranges("kept/spread", RANGES),
        steps=2,
        **{
            **_reads("kept/spread", SPREAD, OTHER_SPREAD),
            "check": _one_of(_cut(SPREAD), _cut(OTHER_SPREAD)),
            "size": 5_000,
            "whole": False,
        },
    ),
    Operation(
        name="open rb",
        run=partial(_read_file, "kept/spread"),
        steps=3,
        **{**_reads("kept/spread", SPREAD, OTHER_SPREAD), "size": 256 * 1024},
    ),
    Operation(
        name="stat",
        run=lambda scene: scene.bucket.stat("kept/small"),
        prepare=_kept("kept/small", SMALL),
        check=_stat_is_right,
    ),
    Operation(
        name="list 3 pages",
        run=lambda scene: list(scene.bucket.list("kept/listed/")),
        prepare=_prepare_listed,
        check=_list_is_right,
        steps=3,
    ),
)
