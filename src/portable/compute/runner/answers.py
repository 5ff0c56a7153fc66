"""One call of a function, and the line of results that it comes to.

A module of its own, without others of the runner: a cluster's tasks are sent it as it is.
"""

from __future__ import annotations

import base64
import json
import pickle
import sys
import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def answer(
    index: int, function: Callable[..., Any], item: bytes | None
) -> tuple[int, dict[str, Any]]:
    """The exit code, and the line of results.

    Args:
        item: A pickle of what the function is called with; `None` where it is called with nothing.
    """
    try:
        result = function() if item is None else function(pickle.loads(item))  # noqa: S301
        return 0, {"index": index, **_portable(result)}
    except BaseException as error:  # noqa: BLE001 - SystemExit is a task's end, not the worker's
        told = "".join(traceback.format_exception(type(error), error, _own(error)))
        sys.stderr.write(told)
        code = error.code if isinstance(error, SystemExit) else 1
        failed = {"index": index, "error": named(error), "traceback": told}
        return code if isinstance(code, int) and code else 1, failed


def cannot_load(error: BaseException) -> str:
    """Why a function can't be called here, and what to do."""
    advice = ""
    if isinstance(error, ModuleNotFoundError):
        advice = ": install it there (with an image that has it), or send the file along (`files`)"
    return f"the function can't be loaded on the machine: {named(error)}{advice}"


def named(error: BaseException) -> str:
    """An error's kind and words."""
    said = str(error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _portable(result: object) -> dict[str, Any]:
    if isinstance(result, (bytes, bytearray, memoryview)):
        return {"bytes": base64.b64encode(result).decode()}
    try:
        json.dumps(result, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        advice = (
            "NaN and infinity have no word in JSON: return None or text"
            if str(error).startswith("Out of range float")
            else "Convert it first, for example with .item() or .tolist(), or store it and return "
            "its key"
        )
        raise TypeError(
            f"the function returned what is neither bytes nor JSON: {error}. {advice}"
        ) from None
    return {"json": result}


def _own(error: BaseException) -> Any:
    """The traceback from the function's own frame on."""
    frames = error.__traceback__
    return frames.tb_next if frames and frames.tb_next else frames
