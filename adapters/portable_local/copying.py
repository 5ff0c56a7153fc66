"""Copying an object's bytes inside the kernel, and checking what arrived."""

from __future__ import annotations

import errno
import os
import zlib

from portable.errors import IntegrityError, ObjectChanged
from portable_local.objects import Found
from portable_local.staging import Staged

_BLOCK = 1024 * 1024
_CHUNK = 1024 * 1024 * 1024
_CANT = frozenset({errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL})


def copy_bytes(source: Found, staged: Staged) -> int:
    """Fill *staged* with the source's bytes and return their crc32, read back.

    Raises:
        IntegrityError: they aren't what was put.
        ObjectChanged: another program edited the source meanwhile.
    """
    size = source.status.st_size
    done = _in_kernel(source.fd, staged.fd, size)
    while done < size:
        block = os.pread(source.fd, min(_BLOCK, size - done), done)
        if not block:
            break
        staged.write(block, done)
        done += len(block)
    now = os.fstat(source.fd)
    if (now.st_size, now.st_mtime_ns) != (size, source.status.st_mtime_ns) or done != size:
        raise ObjectChanged("another program edited the file while it was copied")
    crc32 = position = 0
    while block := os.pread(staged.fd, _BLOCK, position):
        crc32 = zlib.crc32(block, crc32)
        position += len(block)
    if source.attributes is not None and source.attributes.crc32 != crc32:
        raise IntegrityError(
            f"the content has the checksum {crc32:08x}, but {source.attributes.crc32:08x} "
            "was put: the file is damaged, and wasn't copied"
        )
    return crc32


def _in_kernel(source: int, target: int, size: int) -> int:
    if not hasattr(os, "copy_file_range"):
        return 0
    done = 0
    while done < size:
        try:
            count = os.copy_file_range(source, target, min(_CHUNK, size - done), done, done)
        except OSError as error:
            if error.errno in _CANT:
                return done
            raise
        if not count:
            break
        done += count
    return done
