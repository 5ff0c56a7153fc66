"""Objects kept on a local disk: ``Cache(bucket, "/mnt/nvme").open("train/000.tar")``.

Many processes may share a folder. Nothing in there is worth a backup: it may be removed at any
time when no process uses it.
"""

from portable.cache._cache import Cache

__all__ = ["Cache"]
