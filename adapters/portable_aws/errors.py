"""botocore's errors as `portable.errors`: one table, one translator."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any

from botocore import exceptions as sdk
from botocore import parsers
from urllib3.exceptions import HTTPError as TransportError

from portable.errors import (
    BucketNotFound,
    ClockSkew,
    ConfigError,
    CredentialsExpired,
    EndpointRefused,
    PermissionDenied,
    PortableError,
    Unauthenticated,
    Unavailable,
)
from portable.transport import broken, clock_skew, not_sent, retry_after, tls_failure, words
from portable_aws.codes import BY_CODE, SPOILED, is_ambiguous, meaning

NOT_SENT = (sdk.EndpointConnectionError, sdk.ConnectTimeoutError, sdk.ProxyConnectionError)
BROKEN = (
    sdk.HTTPClientError,
    sdk.IncompleteReadError,
    parsers.ResponseParserError,
    TransportError,
    HTTPException,
    OSError,
)
NO_CREDENTIALS = (
    sdk.NoCredentialsError,
    sdk.PartialCredentialsError,
    sdk.CredentialRetrievalError,
    sdk.TokenRetrievalError,
    sdk.SSOError,
    sdk.UnauthorizedSSOTokenError,
)

HINTS: Mapping[type[PortableError], str] = {
    BucketNotFound: "make it first: portable never makes a bucket on the way",
    CredentialsExpired: "get new ones, or use a role or profile that boto3 can refresh",
    PermissionDenied: (
        "allow it to these credentials; without s3:ListBucket, S3 also answers so for an object "
        "that doesn't exist"
    ),
    Unauthenticated: "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the AWS profile",
}


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever boto3 raises inside the block into a `PortableError`."""
    try:
        yield
    except sdk.ClientError as error:
        raise from_answer(error) from error
    except NO_CREDENTIALS as error:
        raise Unauthenticated(f"{error}; {HINTS[Unauthenticated]}") from error
    except sdk.SSLError as error:
        raise tls_failure(error, error.kwargs.get("error")) from error
    except NOT_SENT as error:
        raise not_sent(error) from error
    except BROKEN as error:
        raise broken(error) from error
    except RecursionError as error:  # botocore answers a redirect to an unknown host so
        raise EndpointRefused("the server redirects to another host; not followed") from error
    except (sdk.BotoCoreError, ValueError) as error:
        if _is_from_parser(error):
            raise Unavailable(f"an answer isn't S3's: {words(error)}", ambiguous=True) from error
        raise ConfigError(f"boto3 can't make this request: {words(error)}") from error


def _is_from_parser(error: Exception) -> bool:
    """Was it an answer's number or date that made no sense?"""
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_globals.get("__name__") == parsers.__name__ for frame, _ in frames)


def from_answer(error: sdk.ClientError) -> PortableError:
    """The error that an answer of the server means."""
    answer: dict[str, Any] = dict(error.response)
    about = answer.get("Error", {})
    code = str(about.get("Code", ""))
    meta = answer.get("ResponseMetadata", {})
    status = int(meta.get("HTTPStatusCode", 0))
    headers = meta.get("HTTPHeaders", {})
    if code not in BY_CODE and 300 <= status < 400:
        return EndpointRefused(f"the server answers {status}, a redirect; it isn't followed")
    kind = meaning(code, status)
    message = f"{about.get('Message') or 'no reason given'} ({code or status})"
    if code == "AuthorizationHeaderMalformed" and (region := about.get("Region")):
        message += f"; set region = {region!r}"
    if kind is ClockSkew:
        message += f"; this clock is {clock_skew(headers):+.0f} s off: set it"
    elif kind in HINTS:
        message += f"; {HINTS[kind]}"
    return kind(
        message,
        retryable=True if code in SPOILED else None,
        ambiguous=is_ambiguous(code, status, kind),
        retry_after=retry_after(headers),
    )
