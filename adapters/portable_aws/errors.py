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
    ClockSkew,
    ConfigError,
    EndpointRefused,
    PortableError,
    Unauthenticated,
    Unavailable,
)
from portable.transport import broken, clock_skew, not_sent, retry_after, tls_failure, words
from portable_aws.codes import S3
from portable_aws.meanings import Codes

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
OLD_PREFIX = "AWS.SimpleQueueService."


@contextmanager
def translated(codes: Codes = S3) -> Iterator[None]:
    """Turn whatever boto3 raises inside the block into a `PortableError`.

    Args:
        codes: The service's.
    """
    try:
        yield
    except sdk.ClientError as error:
        raise from_answer(error, codes) from error
    except NO_CREDENTIALS as error:
        raise Unauthenticated(f"{error}; {codes.hints[Unauthenticated]}") from error
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
            raise Unavailable(
                f"an answer makes no sense: {words(error)}", ambiguous=True
            ) from error
        raise ConfigError(f"boto3 can't make this request: {words(error)}") from error


def _is_from_parser(error: Exception) -> bool:
    """Was it an answer's number or date that made no sense?"""
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_globals.get("__name__") == parsers.__name__ for frame, _ in frames)


def of_entry(entry: Mapping[str, Any], operation: str, codes: Codes = S3) -> PortableError:
    """The error of one entry in the answer to a request about several."""
    about = {"Code": entry.get("Code", ""), "Message": entry.get("Message", "")}
    # Only SQS says whose fault it was.
    meta = {"HTTPStatusCode": 500 if entry.get("SenderFault") is False else 0}
    answer: Any = {"Error": about, "ResponseMetadata": meta}
    return from_answer(sdk.ClientError(answer, operation), codes)


def from_answer(error: sdk.ClientError, codes: Codes = S3) -> PortableError:
    """The error that an answer of the server means."""
    answer: dict[str, Any] = dict(error.response)
    about = answer.get("Error", {})
    # Of services that had another protocol before, `Code` is that one's.
    code = str(about.get("QueryErrorCode") or about.get("Code", "")).removeprefix(OLD_PREFIX)
    meta = answer.get("ResponseMetadata", {})
    status = int(meta.get("HTTPStatusCode", 0))
    headers = meta.get("HTTPHeaders", {})
    if code not in codes.by_code and 300 <= status < 400:
        return EndpointRefused(f"the server answers {status}, a redirect; it isn't followed")
    text = about.get("Message") or "no reason given"
    kind = codes.meaning(code, status, text)
    message = f"{text} ({code or status})"
    if code == "AuthorizationHeaderMalformed" and (region := about.get("Region")):
        message += f"; set region = {region!r}"
    if kind is ClockSkew:
        message += f"; this clock is {clock_skew(headers):+.0f} s off: set it"
    elif hint := codes.hint(kind, text):
        message += f"; {hint}"
    return kind(
        message,
        retryable=True if code in codes.spoiled else None,
        ambiguous=codes.is_ambiguous(code, status, kind),
        retry_after=retry_after(headers) or codes.waits.get(code),
    )
