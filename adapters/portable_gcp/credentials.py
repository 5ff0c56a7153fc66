"""Whose requests these are: Google's own chain, one file, or nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import google.auth
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import DefaultCredentialsError

from portable.endpoints import check_endpoint
from portable.errors import EndpointRefused

# What a token may do is decided by IAM; signing without a private key needs more than storage.
SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


class Identity(Protocol):
    """The settings, of a bucket or a queue, that say whose requests are sent and where."""

    @property
    def credentials_file(self) -> str | None: ...

    @property
    def anonymous(self) -> bool: ...

    @property
    def server(self) -> str: ...


def is_anonymous(settings: Identity) -> bool:
    """Are requests sent without credentials? True for emulators on this machine."""
    if settings.credentials_file is not None:
        return False
    return settings.anonymous or is_local(settings.server)


def is_local(server: str) -> bool:
    """Is *server*, in normal form, this machine?"""
    host = urlsplit(server).hostname or ""
    try:
        check_endpoint(f"http://[{host}]" if ":" in host else f"http://{host}")
    except EndpointRefused:
        return False
    return True


def load(settings: Identity) -> Credentials:
    """Find the credentials; no token is asked for yet.

    Raises:
        google.auth.exceptions.DefaultCredentialsError: there are none, or the file isn't one.
    """
    if is_anonymous(settings):
        return AnonymousCredentials()  # type: ignore[no-untyped-call]
    try:
        if settings.credentials_file is not None:
            return _from_file(Path(settings.credentials_file))
        found, _ = google.auth.default(scopes=SCOPES)
    except ValueError as error:  # of a private key that is none, say
        where = settings.credentials_file or "what Application Default Credentials found"
        raise DefaultCredentialsError(f"{where} can't be used: {error}") from error  # type: ignore[no-untyped-call]
    return found


def _from_file(path: Path) -> Credentials:
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DefaultCredentialsError(f"{path} can't be read: {error}") from error  # type: ignore[no-untyped-call]
    kind = info.get("type") if isinstance(info, dict) else None
    if kind == "service_account":
        from google.oauth2.service_account import Credentials as Account

        return Account.from_service_account_info(info, scopes=SCOPES)  # type: ignore[no-any-return,no-untyped-call]
    if kind == "authorized_user":
        from google.oauth2.credentials import Credentials as User

        return User.from_authorized_user_info(info)  # type: ignore[no-any-return,no-untyped-call]
    if kind == "impersonated_service_account":
        from google.auth.impersonated_credentials import Credentials as Impersonated

        return Impersonated.from_impersonated_service_account_info(info, scopes=SCOPES)  # type: ignore[no-any-return,no-untyped-call]
    raise DefaultCredentialsError(  # type: ignore[no-untyped-call]
        f"{path} isn't the key of a service account, a user's or an impersonation; name others, "
        f"which may run programs, in GOOGLE_APPLICATION_CREDENTIALS"
    )
