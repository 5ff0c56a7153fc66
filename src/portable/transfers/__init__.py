"""Folders and buckets to one another: `Bucket.upload`, `download` and `sync`.

A transfer joins two listings that are ordered alike, so it needs memory for neither, and sends
what differs side by side. What it decides by, and what it never does, is in docs/transfers.md.
"""

from portable.transfers.report import Change, Failure, TransferProgress, TransferReport

__all__ = ["Change", "Failure", "TransferProgress", "TransferReport"]
