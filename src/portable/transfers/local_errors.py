"""What the local file system says of a transfer's files, as `portable`'s errors."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from portable.errors import (
    InvalidArgument,
    InvalidKey,
    NoSpace,
    NotFound,
    PermissionDenied,
    PortableError,
)


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Turn what the file system says of the local file *name* into a `PortableError`."""
    try:
        yield
    except PortableError:
        raise
    except OSError as error:
        raise _as_portable(name, error) from error


def _as_portable(name: str, error: OSError) -> PortableError:
    if isinstance(error, FileNotFoundError):
        return NotFound(f"there is no local file {name!r}")
    if isinstance(error, PermissionError):
        return PermissionDenied(f"the local file {name!r}: {error}")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpace(f"the disk is full, there is no space for {name!r}: {error}")
    if error.errno == errno.ENAMETOOLONG:
        return InvalidKey(f"{name[:80]!r} is longer than a name can be on this disk")
    if isinstance(error, IsADirectoryError):
        return InvalidArgument(f"{name!r} is a folder")
    return PortableError(f"the local file {name!r}: {error}")
