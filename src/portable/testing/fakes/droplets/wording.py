"""Errors in DigitalOcean's words: https://docs.digitalocean.com/reference/api/intro/#http-statuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portable.testing.fakes.rest import Refused

LIMIT = "creating this/these droplet(s) will exceed your droplet limit"
NOT_IN_REGION = "Size is not available in this region."
NO_ROOM = "The size you selected is temporarily unavailable because of server capacity"
PENDING = "Droplet already has a pending event."


def refused(status: int, id: str, words: str, **more: Any) -> Refused:
    """A request that is answered with an error."""
    return Refused(status, {"id": id, "message": words, "request_id": "4d9d8375", **more})


def unprocessable(words: str, **more: Any) -> Refused:
    """A request that can be read, and can't be carried out."""
    return refused(422, "unprocessable_entity", words, **more)


def not_found() -> Refused:
    """Something named that there isn't."""
    return refused(404, "not_found", "The resource you were accessing could not be found.")


def unauthorized() -> Refused:
    """A request without a token that is known."""
    return refused(401, "Unauthorized", "Unable to authenticate you")


def page_of(
    found: list[Mapping[str, Any]], name: str, url: str, query: Mapping[str, str], most: int
) -> dict[str, Any]:
    """One page of a listing, with links to others; a page too far on is empty."""
    size = max(1, min(int(query.get("per_page", "20")), most))
    page = max(1, int(query.get("page", "1")))
    links: dict[str, Any] = {}
    if page * size < len(found):
        rest = "".join(f"&{k}={v}" for k, v in query.items() if k not in ("page", "per_page"))
        links["pages"] = {"next": f"{url}?page={page + 1}&per_page={size}{rest}"}
    return {
        name: found[(page - 1) * size : page * size],
        "links": links,
        "meta": {"total": len(found)},
    }
