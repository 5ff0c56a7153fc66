"""The writes that faults are tried on, and what the store must look like afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from portable.errors import AlreadyExists, PreconditionFailed
from portable.storage import ObjectInfo

from .scenes import LARGE, MEDIUM, MIB, OLD_SMALL, SMALL, Operation, Scene


def _stored(
    scene: Scene, value: Any, error: Exception | None, *, new: bytes, old: bytes | None
) -> str | None:
    """After a write: the new content and its description, or after a failure either, whole."""
    found = scene.content()
    if error is None:
        if found != new:
            return f"reported as stored, but the store has {_show(found)}"
        if not isinstance(value, ObjectInfo):
            return f"no description of what was stored: {value!r}"
        if value.revision != scene.stage.store.revision(scene.key) or value.size != len(new):
            return f"wrong description of what was stored: {value}"
    elif found not in (old, new):
        return f"failed, and the store has {_show(found)}"
    elif isinstance(error, AlreadyExists | PreconditionFailed):
        return f"false verdict: {type(error).__name__}, the store has {_show(found)}"
    left = scene.stage.store.leftovers(scene.prefix)
    if not scene.faulty and left > scene.leaves:
        return f"{left} parts of unfinished uploads remain"
    return None


def _show(data: bytes | None) -> str:
    return "nothing" if data is None else f"{len(data)} bytes {data[:8]!r}…"


def _put_old(scene: Scene) -> None:
    scene.revision = scene.put(OLD_SMALL)


def _chunks(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), MIB):
        yield data[start : start + MIB]


def _write_file(scene: Scene) -> ObjectInfo | None:
    writer = scene.bucket.open(scene.key, "wb")
    with writer:
        for chunk in _chunks(MEDIUM):
            writer.write(chunk)
    return writer.info


def _writes(new: bytes, old: bytes | None, **more: Any) -> dict[str, Any]:
    return {
        "check": partial(_stored, new=new, old=old),
        "size": len(new),
        "steps": 1 if new is SMALL else 4,
        **({"prepare": _put_old} if old is not None else {}),
        **more,
    }


def _put(data: bytes, scene: Scene, **options: Any) -> ObjectInfo:
    if options.pop("if_match", False):
        options["if_match"] = scene.revision
    return scene.bucket.put(scene.key, data, **options)


MD5 = {"checksums": "when_required"}
WRITES = (
    Operation(name="put small", run=partial(_put, SMALL), **_writes(SMALL, OLD_SMALL)),
    Operation(
        name="put small, MD5", run=partial(_put, SMALL), settings=MD5, **_writes(SMALL, OLD_SMALL)
    ),
    Operation(name="put 17 MiB", run=partial(_put, LARGE), **_writes(LARGE, OLD_SMALL)),
    Operation(
        name="put 9 MiB, MD5",
        run=partial(_put, MEDIUM),
        settings=MD5,
        **_writes(MEDIUM, OLD_SMALL),
    ),
    Operation(
        name="put generator",
        run=lambda scene: scene.bucket.put(scene.key, _chunks(MEDIUM)),
        **_writes(MEDIUM, OLD_SMALL),
    ),
    Operation(name="open wb", run=_write_file, **_writes(MEDIUM, OLD_SMALL)),
    Operation(
        name="put small if_absent",
        run=partial(_put, SMALL, if_absent=True),
        **_writes(SMALL, None),
    ),
    Operation(
        name="put small if_match",
        run=partial(_put, SMALL, if_match=True),
        **_writes(SMALL, OLD_SMALL),
    ),
    Operation(
        name="put 9 MiB if_absent",
        run=partial(_put, MEDIUM, if_absent=True),
        **_writes(MEDIUM, None),
    ),
    Operation(
        name="put 9 MiB if_match",
        run=partial(_put, MEDIUM, if_match=True),
        **_writes(MEDIUM, OLD_SMALL),
    ),
)


def _deleted(scene: Scene, _: Any, error: Exception | None) -> str | None:
    found = scene.content()
    if error is None and found is not None:
        return "reported as deleted, and it is there"
    return None if found in (None, OLD_SMALL) else f"the store has {_show(found)}"


NAMES = "abcde"


def _delete_many(scene: Scene) -> Any:
    report = scene.bucket.delete_many(f"{scene.prefix}{name}" for name in NAMES)
    report.raise_for_errors()
    return report


def _many_deleted(scene: Scene, value: Any, error: Exception | None) -> str | None:
    left = [name for name in NAMES if scene.content(f"{scene.prefix}{name}") is not None]
    if error is None and (left or value.deleted != len(NAMES)):
        return f"reported as deleted, and {left} are there"
    return None if scene.content() == OLD_SMALL else "another object was removed"


def _prepare_many(scene: Scene) -> None:
    _put_old(scene)
    for name in NAMES:
        scene.put(b"x", f"{scene.prefix}{name}")


def _copied(scene: Scene, value: Any, error: Exception | None, *, moved: bool) -> str | None:
    source, target = scene.content(), scene.content(f"{scene.prefix}target")
    if target not in (None, OLD_SMALL) or source not in (None, OLD_SMALL):
        return f"the store has {_show(source)} and {_show(target)}"
    if error is not None:
        return "both are gone" if source is None and target is None else None
    if target is None or (source is None) != moved:
        return f"reported as done; source {_show(source)}, target {_show(target)}"
    if value.revision != scene.stage.store.revision(f"{scene.prefix}target"):
        return f"wrong description of the target: {value}"
    return None


OTHERS = (
    Operation(
        name="delete",
        run=lambda scene: scene.bucket.delete(scene.key),
        prepare=_put_old,
        check=_deleted,
    ),
    Operation(name="delete_many", run=_delete_many, prepare=_prepare_many, check=_many_deleted),
    Operation(
        name="copy",
        run=lambda scene: scene.bucket.copy(scene.key, f"{scene.prefix}target"),
        prepare=_put_old,
        check=partial(_copied, moved=False),
        steps=2,
    ),
    Operation(
        name="move",
        run=lambda scene: scene.bucket.move(scene.key, f"{scene.prefix}target"),
        prepare=_put_old,
        check=partial(_copied, moved=True),
        steps=4,
    ),
)
