"""The operating system's errors as `portable.errors`: one table, one place."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from portable.errors import (
    InvalidArgument,
    InvalidKey,
    NoSpace,
    NotFound,
    PermissionDenied,
    PortableError,
    Unavailable,
    Unsupported,
)

BY_ERRNO: Mapping[int, type[PortableError]] = {
    errno.ENOENT: NotFound,
    errno.EACCES: PermissionDenied,
    errno.EPERM: PermissionDenied,
    errno.EROFS: PermissionDenied,
    errno.ELOOP: PermissionDenied,
    errno.ENOSPC: NoSpace,
    errno.EDQUOT: NoSpace,
    errno.EFBIG: InvalidArgument,
    errno.ENAMETOOLONG: InvalidKey,
    errno.EXDEV: Unsupported,
    errno.ENOTSUP: Unsupported,
    errno.EAGAIN: Unavailable,
    errno.EBUSY: Unavailable,
    errno.EMFILE: Unavailable,
    errno.ENFILE: Unavailable,
    errno.ENOLCK: Unavailable,
    errno.ESTALE: Unavailable,
    errno.ETIMEDOUT: Unavailable,
}

_SAID = {
    errno.ENOSPC: "the disk is full; what was stored before is unharmed",
    errno.EDQUOT: "the disk quota is used up; what was stored before is unharmed",
    errno.EFBIG: "it is larger than a file can be on this disk, or by this process's limit",
    errno.EROFS: "the file system is read-only",
    errno.EXDEV: "another file system is mounted inside the bucket's folder",
}


@contextmanager
def translated() -> Iterator[None]:
    """Turn an `OSError` raised inside the block into a `PortableError`."""
    try:
        yield
    except PortableError:  # some of them are an `OSError` too
        raise
    except OSError as error:
        number = error.errno or 0
        kind = BY_ERRNO.get(number, PortableError)
        raise kind(_SAID.get(number, (error.strerror or str(error)).lower())) from error


def link_refused(name: str) -> PermissionDenied:
    """The error for a symbolic link on the way to an object."""
    return PermissionDenied(
        f"{name!r} is a symbolic link, and links inside the bucket's folder are not followed: "
        "they could lead out of it; replace the link by what it leads to"
    )
