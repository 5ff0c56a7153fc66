"""Random sequences of calls, compared with a dictionary."""

from __future__ import annotations

import itertools

from portable.storage import Bucket
from portable.testing.conformance.base import Cases, Raw
from portable.testing.harness import Harness
from portable.testing.stateful import storage_state_machine

STEPS = 25


class ModelCases(Cases):
    """The whole of `Bucket`."""

    def test_any_sequence_of_calls_does_what_the_model_says(
        self, harness: Harness, raw: Raw
    ) -> None:
        """Each sequence in a folder of its own."""
        numbers = itertools.count()

        def open_bucket() -> Bucket:
            return harness.open_bucket(f"{raw.prefix}model-{next(numbers)}")

        case = storage_state_machine(open_bucket, examples=harness.examples, steps=STEPS)
        case("runTest").runTest()  # type: ignore[attr-defined]
