"""Errors that are answered."""

from __future__ import annotations

from collections.abc import Mapping

import grpc


class Failure(Exception):
    """An error with its gRPC status.

    Attributes:
        about: What its `ErrorInfo` says, for failures of single acknowledgement ids.
    """

    def __init__(
        self, status: grpc.StatusCode, words: str, about: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(words)
        self.status = status
        self.words = words
        self.about = about


def invalid(words: str) -> Failure:
    """A request that makes no sense."""
    return Failure(grpc.StatusCode.INVALID_ARGUMENT, words)


def missing(name: str) -> Failure:
    """No such topic or subscription."""
    return Failure(grpc.StatusCode.NOT_FOUND, f"Resource not found (resource={name}).")


def there_already(name: str) -> Failure:
    """One of that name was made before."""
    return Failure(
        grpc.StatusCode.ALREADY_EXISTS, f"Resource already exists in the project (resource={name})."
    )


def unimplemented(what: str) -> Failure:
    """Google does it and this server doesn't."""
    return Failure(grpc.StatusCode.UNIMPLEMENTED, f"this stand-in has no {what}")


def refused_ids(failed: Mapping[str, str]) -> Failure:
    """Some acknowledgement ids of an exactly-once subscription; the others were taken.

    https://cloud.google.com/pubsub/docs/exactly-once-delivery
    """
    out_of_order = all("UNORDERED" in why for why in failed.values())
    words = (
        "Some acknowledgement ids in the request were sent out of order."
        if out_of_order
        else "Some acknowledgement ids in the request were invalid. This could be because the "
        "acknowledgement ids have expired or the acknowledgement ids were malformed."
    )
    return Failure(grpc.StatusCode.INVALID_ARGUMENT, words, failed)
