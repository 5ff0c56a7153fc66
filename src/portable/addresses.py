"""``portable://KEY`` and ``portable://@NAME/KEY``: objects in the active profile's buckets."""

from __future__ import annotations

from portable.errors import InvalidArgument

SCHEME = "portable"


def split_bucket(text: str) -> tuple[str | None, str]:
    """Split what follows ``portable://`` into the bucket's name and the key.

    The name is `None` for the profile's own bucket. Nothing is decoded.

    Raises:
        InvalidArgument: there is no name after the ``@``.
    """
    if not text.startswith("@"):
        return None, text
    name, _, key = text[1:].partition("/")
    if not name:
        raise InvalidArgument(
            f"'{SCHEME}://@…' names no bucket after '@'; one of the profile's buckets is meant, "
            f"as in {SCHEME}://@datasets/key (for the command, %40 begins a key with '@')"
        )
    return name, key
