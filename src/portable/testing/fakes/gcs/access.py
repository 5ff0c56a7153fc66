"""Accounts, their tokens, and requests that they signed.

Keys are made when the first account is, and exist in memory only.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

from portable.testing.fakes.gcs.state import Failure
from portable.testing.fakes.wire import Request

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

LONGEST_SECONDS = 7 * 24 * 3600
ALGORITHM = "GOOG4-RSA-SHA256"
NOBODY = "Bearer anonymous"  # obstore can't write without a token


def unauthorized(words: str) -> Failure:
    """Who asks isn't known."""
    return Failure(401, "authError", "AuthenticationRequired", words)


class Access:
    """Who may do what."""

    def __init__(self, *, needed: bool) -> None:
        """Let requests in.

        Args:
            needed: Refuse those without credentials, too.
        """
        self.needed = needed
        self._accounts: dict[str, bool] = {}
        self._tokens: dict[str, str] = {}
        self._key: RSAPrivateKey | None = None

    def account(self, name: str, token_uri: str, *, allowed: bool) -> dict[str, Any]:
        """Make a service account, and give what its key file holds."""
        from cryptography.hazmat.primitives import serialization

        email = f"{name}@portable-testing.iam.gserviceaccount.com"
        self._accounts[email] = allowed
        pem = self._private().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return {
            "type": "service_account",
            "project_id": "portable-testing",
            "private_key_id": "1",
            "private_key": pem.decode(),
            "client_email": email,
            "client_id": "1",
            "token_uri": token_uri,
        }

    def give_token(self, request: Request) -> dict[str, Any]:
        """Answer an account's signed claim with a token.

        https://developers.google.com/identity/protocols/oauth2/service-account#httprest
        """
        assertion = parse_qs(request.body.decode())["assertion"][0]
        signed, _, signature = assertion.rpartition(".")
        claims = json.loads(_unpadded(signed.partition(".")[2]))
        if claims["iss"] not in self._accounts:
            raise Failure(400, "invalid_grant", "invalid_grant", "Invalid grant: account not found")
        if not self._is_signed(signed.encode(), _unpadded(signature)):
            raise Failure(400, "invalid_grant", "invalid_grant", "Invalid JWT Signature.")
        token = self.token(claims["iss"])
        return {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}

    def token(self, email: str) -> str:
        """A new one of an account."""
        token = secrets.token_urlsafe(16)
        self._tokens[token] = email
        return token

    def forget_tokens(self) -> None:
        """Take no token that was given so far."""
        self._tokens.clear()

    def check(self, request: Request) -> None:
        """Refuse a request that isn't allowed."""
        if "X-Goog-Signature" in request.query:
            self._check_signed(request)
            return
        given = request.headers.get("authorization")
        if given in (None, NOBODY):
            if self.needed:
                raise unauthorized("Anonymous caller does not have access.")
            return
        account = self._tokens.get(str(given).removeprefix("Bearer "))
        if account is None:
            raise unauthorized("Invalid Credentials")
        self._check_allowed(account)

    def _check_allowed(self, account: str) -> None:
        if not self._accounts.get(account):
            raise Failure(
                403, "forbidden", "AccessDenied", f"{account} does not have storage.objects access."
            )

    def _check_signed(self, request: Request) -> None:
        """https://cloud.google.com/storage/docs/access-control/signing-urls-manually."""
        query = request.query
        signed_at = datetime.strptime(query["X-Goog-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        seconds = int(query["X-Goog-Expires"])
        if not 1 <= seconds <= LONGEST_SECONDS:
            raise Failure(400, "invalid", "AuthorizationQueryParametersError", "expires too late")
        if datetime.now(UTC) >= signed_at + timedelta(seconds=seconds):
            raise Failure(400, "expired", "ExpiredToken", "The request signature expired.")
        account, _, scope = query["X-Goog-Credential"].partition("/")
        digest = hashlib.sha256(_canonical(request, query).encode()).hexdigest()
        text = "\n".join((ALGORITHM, query["X-Goog-Date"], scope, digest))
        signature = query["X-Goog-Signature"]
        is_hex = re.fullmatch(r"([0-9a-f]{2})+", signature)
        if (
            query["X-Goog-Algorithm"] != ALGORITHM
            or account not in self._accounts
            or not is_hex
            or not self._is_signed(text.encode(), bytes.fromhex(signature))
        ):
            raise Failure(
                403,
                "forbidden",
                "SignatureDoesNotMatch",
                "The signature isn't that of the request.",
            )
        self._check_allowed(account)

    def _private(self) -> RSAPrivateKey:
        if self._key is None:
            from cryptography.hazmat.primitives.asymmetric import rsa

            # Each bucket reads it, which takes 38 ms for one of 2048 bits and 5 for this.
            self._key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
        return self._key

    def _is_signed(self, text: bytes, signature: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        try:
            self._private().public_key().verify(
                signature, text, padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            return False
        return True


def _canonical(request: Request, query: Mapping[str, str]) -> str:
    named = query["X-Goog-SignedHeaders"].split(";")
    headers = "".join(
        f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in named
    )
    pairs = sorted(
        (quote(name, safe="~"), quote(text, safe="~"))
        for name, text in query.items()
        if name != "X-Goog-Signature"
    )
    return "\n".join(
        (
            request.method,
            request.path,
            "&".join(f"{name}={text}" for name, text in pairs),
            headers,
            ";".join(named),
            request.headers.get("x-goog-content-sha256", "UNSIGNED-PAYLOAD"),
        )
    )


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
