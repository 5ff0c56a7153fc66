"""Object storage: ``portable.storage.put("runs/7/model.pt", data)``.

The functions here are the methods of one default `Bucket`, bound to the active profile at each
call, the way `random.random` is a method of a hidden `Random`.
"""

from __future__ import annotations

from portable.storage.active import ActiveBucket
from portable.storage.bucket import Bucket
from portable.storage.driver import Capabilities
from portable.storage.types import Checksum, DeleteReport, Listing, ObjectInfo, SignedRequest
from portable.transfers.report import TransferReport

_bucket = ActiveBucket()

abort_stale_uploads = _bucket.abort_stale_uploads
copy = _bucket.copy
delete = _bucket.delete
delete_many = _bucket.delete_many
delete_prefix = _bucket.delete_prefix
download = _bucket.download
exists = _bucket.exists
get = _bucket.get
get_ranges = _bucket.get_ranges
list = _bucket.list
listdir = _bucket.listdir
move = _bucket.move
open = _bucket.open
put = _bucket.put
sign = _bucket.sign
stat = _bucket.stat
sync = _bucket.sync
upload = _bucket.upload

__all__ = [
    "Bucket",
    "Capabilities",
    "Checksum",
    "DeleteReport",
    "Listing",
    "ObjectInfo",
    "SignedRequest",
    "TransferReport",
    "abort_stale_uploads",
    "copy",
    "delete",
    "delete_many",
    "delete_prefix",
    "download",
    "exists",
    "get",
    "get_ranges",
    "list",
    "listdir",
    "move",
    "open",
    "put",
    "sign",
    "stat",
    "sync",
    "upload",
]
