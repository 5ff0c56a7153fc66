"""What one of Ray's tasks does: one call. It is sent to the workers whole; they need no `portable`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from portable.compute.runner import answers

Call = Callable[[int, bytes], bytes]


def calling(ray: Any, function: bytes, count: int) -> Call:
    """A function that calls *function*, loaded once in each worker, with one pickled item.

    Args:
        count: Of the items.
    """
    ray.cloudpickle.register_pickle_by_value(answers)
    answer, cannot_load = answers.answer, answers.cannot_load
    loaded: list[Callable[..., Any]] = []

    def call(index: int, item: bytes) -> bytes:
        import json
        import os
        import pickle
        import sys

        if not loaded:
            try:
                import cloudpickle  # noqa: F401
            except ImportError:  # Ray has one of its own
                import ray.cloudpickle

                sys.modules["cloudpickle"] = ray.cloudpickle
                sys.modules["cloudpickle.cloudpickle"] = ray.cloudpickle.cloudpickle
            try:
                loaded.append(pickle.loads(function))  # noqa: S301
            except Exception as error:  # noqa: BLE001 - whatever its modules do when imported
                failed = {"index": index, "error": cannot_load(error), "traceback": ""}
                return json.dumps(failed).encode()
        os.environ["PORTABLE_TASK_COUNT"] = str(count)
        os.environ["PORTABLE_TASK_INDEX"] = str(index)
        return json.dumps(answer(index, loaded[0], item)[1], allow_nan=False).encode()

    return call
