"""What can go wrong between the runner and storage, and why a task ends without its command."""

from __future__ import annotations


class StoreError(Exception):
    """Storage didn't do it; the same request may succeed later."""


class Rejected(StoreError):
    """Storage won't ever do it as it was asked."""


class Refused(Rejected):
    """The signed URL isn't valid, or no longer; or the folder isn't there, or not ours."""


class TooLarge(Rejected):
    """More than one request can store."""


class Stopped(Exception):
    """It was given up, since the job is to end."""


class Unfit(Exception):
    """The task can't be run, or what it made can't be stored; *reason* is exit.json's word."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
