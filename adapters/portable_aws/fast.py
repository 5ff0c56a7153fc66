"""S3 as obstore reaches it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portable.endpoints import check_endpoint
from portable.errors import NotFound, PortableError, Throttled
from portable.storage.driver import OpenRead, Page, StorageDriver, StoredObject, WriteOptions
from portable.storage.http import quoted
from portable.storage.keys import is_plain
from portable.storage.metadata import read_crc32
from portable_aws.codes import SPOILED, is_ambiguous, meaning
from portable_aws.lean import Declined, Login, SignedGets
from portable_aws.limits import capabilities
from portable_aws.settings import DEFAULT_REGION, USUAL_CLASS, S3Settings
from portable_obstore.dialect import NO_RETRIES, client_options, is_proxied, metadata
from portable_obstore.driver import FastDriver

if TYPE_CHECKING:
    from obstore import ObjectMeta, PutResult
    from obstore.store import S3Credential, S3Store

# One `sendall` of the SDK's, so that both engines give a slow line the same time.
PUT_MAX = 256 * 1024
REFRESH_SECONDS = 600.0  # obstore asks again when less than 300 s are left
# What obstore reads from the environment, boto3 doesn't, and no argument takes back.
OBSTORE_ONLY = frozenset(
    {
        "AWS_DEFAULT_HEADERS",
        "AWS_ENDPOINT",
        "AWS_REQUEST_PAYER",
        "AWS_REQUESTER_PAYS",
        "AWS_S3_EXPRESS",
        "AWS_SERVER_SIDE_ENCRYPTION",
        "AWS_SSE_BUCKET_KEY_ENABLED",
        "AWS_SSE_CUSTOMER_KEY_BASE64",
        "AWS_SSE_KMS_KEY_ID",
    }
)
# Where boto3 looks for other certificate authorities than the usual ones.
TRUST = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
# What makes the way to the endpoint and the credentials longer than a glance at the environment.
LONG_WAY = (
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_DEFAULT_PROFILE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_PROFILE",
    "AWS_SECURITY_TOKEN",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
)
_PLAIN_KEY = "a"  # for a call that is about none: obstore doesn't see prefixes
_BUCKET = re.compile(r"(?!.*--x-s3$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_USUAL_REGION = re.compile(r"(af|ap|ca|eu|il|me|mx|sa|us)-[a-z]+-\d+")


def connect(settings: S3Settings) -> FastDriver:
    """Make a driver with both engines; boto3 is imported when it is needed."""
    return S3FastDriver(
        S3Dialect(settings), partial(_sdk, settings), demanded=settings.engine == "fast"
    )


class S3FastDriver(FastDriver):
    """`FastDriver` that lists without boto3, too, and receives where bytes are wanted."""

    def __init__(
        self, dialect: S3Dialect, make_sdk: Callable[[], StorageDriver], *, demanded: bool
    ) -> None:
        puts = dialect if dialect.put_max else None
        super().__init__(dialect, make_sdk, puts=puts, demanded=demanded)
        self._s3 = dialect

    def list(
        self, prefix: str, *, delimiter: bool, start_after: str, token: str | None, limit: int
    ) -> Page:
        if self._fast(_PLAIN_KEY) is not None and self._s3.gets is not None:
            try:
                return self._s3.gets.page(
                    prefix, delimiter=delimiter, start_after=start_after, token=token, limit=limit
                )
            except Declined as answer:
                failure = self._s3.failure(answer.status, answer.code, answer.message)
                if isinstance(failure, Throttled):
                    self._suspend()  # the SDK hears for how long
                if failure is not None:
                    raise failure from answer
        return super().list(
            prefix, delimiter=delimiter, start_after=start_after, token=token, limit=limit
        )

    def read_into(
        self, room: memoryview, info: StoredObject, *, start: int, end: int
    ) -> OpenRead | None:
        is_usual = is_plain(info.key) and info.revision.isascii()
        if not is_usual or self._fast(info.key) is None or self._s3.gets is None:
            return None
        try:
            return self._s3.gets.read_into(room, info, start=start, end=end)
        except (Declined, PortableError):  # whatever it is, who reads on will meet it
            return None

    def close(self) -> None:
        if self._s3.gets is not None:
            self._s3.gets.close()
        super().close()


def _sdk(settings: S3Settings) -> StorageDriver:
    from portable_aws.storage import S3Storage

    return S3Storage(settings)


class S3Dialect:
    """`Dialect` of one S3 bucket, and its `Puts`."""

    pins = True
    vouches = True
    mocked_by = "moto"

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        self.gets: SignedGets | None = None
        self.capabilities = capabilities(settings)
        # Only the SDK hears whether an object was encrypted as asked, and sends Content-MD5.
        is_plain = settings.encryption is None and settings.checksums == "when_supported"
        self.put_max = PUT_MAX if is_plain else 0

    def open(self, sdk: Callable[[], StorageDriver]) -> S3Store | None:
        settings = self._settings
        if not _BUCKET.fullmatch(settings.bucket) or any(map(os.environ.get, OBSTORE_ONLY)):
            return None
        login = self.login(sdk)
        if login is None or is_proxied(login.endpoint):
            return None
        trusts_others = settings.ca_bundle or any(map(os.environ.get, TRUST))
        if trusts_others and login.endpoint.startswith("https:"):
            return None  # obstore would trust the usual authorities as well
        self.gets = SignedGets(settings, login)
        return _store(settings, login)

    def login(self, sdk: Callable[[], StorageDriver]) -> Login | None:
        """Where to and as whom; `None` where only the SDK can get there."""
        return _login_of_environment(self._settings) or login_of_sdk(sdk())

    def described(
        self, key: str, meta: ObjectMeta, attributes: Mapping[str, str]
    ) -> StoredObject | None:
        etag, told = meta["e_tag"], metadata(attributes)
        if etag is None:
            return None
        return StoredObject(
            key=key,
            size=meta["size"],
            revision=quoted(etag),
            last_modified=meta["last_modified"],
            content_type=attributes.get("Content-Type"),
            metadata=told,
            crc32=read_crc32(told),
            etag=etag.strip('"'),
            version=None if meta["version"] == "null" else meta["version"],
        )

    def written(
        self, key: str, size: int, result: PutResult, write: WriteOptions
    ) -> StoredObject | None:
        etag = result["e_tag"]
        if etag is None:
            return None
        return StoredObject(
            key=key,
            size=size,
            revision=quoted(etag),
            last_modified=datetime.now(UTC).replace(microsecond=0),  # a Date header has none
            etag=etag.strip('"'),
            storage_class=write.storage_class or USUAL_CLASS,
            version=None if result["version"] == "null" else result["version"],
        )

    def failure(self, status: int, code: str, message: str) -> PortableError | None:
        kind = meaning(code, status)
        text = f"{message or 'no reason given'} ({code or status})"
        if code == "NoSuchKey" and kind is NotFound:
            return NotFound(text)
        if not kind.retryable and code not in SPOILED:
            return None
        return kind(text, retryable=True, ambiguous=is_ambiguous(code, status, kind))


def _store(settings: S3Settings, login: Login) -> S3Store:
    from obstore.store import S3Store

    endpoint, is_virtual = login.endpoint, settings.style == "virtual"
    if is_virtual:
        scheme, _, host = endpoint.partition("://")
        endpoint = f"{scheme}://{settings.bucket}.{host}"
    return S3Store(
        settings.bucket,
        endpoint=endpoint,
        region=login.region,
        virtual_hosted_style_request=is_virtual,
        skip_signature=False,
        unsigned_payload=False,
        checksum_algorithm="SHA256",  # the server compares it with what arrives
        credential_provider=login.credentials,
        client_options=client_options(
            endpoint,
            connect_timeout=settings.connect_timeout,
            read_timeout=settings.read_timeout,
            deadline=settings.deadline,
        ),
        retry_config=NO_RETRIES,
    )


def _login_of_environment(settings: S3Settings) -> Login | None:
    """What boto3 would find where no file, role or profile plays a part; else `None`."""
    environ = os.environ
    identity = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if settings.aws_profile or not all(identity) or any(name in environ for name in LONG_WAY):
        return None
    region = settings.region or environ.get("AWS_DEFAULT_REGION")
    config = Path(environ.get("AWS_CONFIG_FILE", "~/.aws/config")).expanduser()
    if region is None or config.is_file():
        return None
    if settings.endpoint is None and not _USUAL_REGION.fullmatch(region):
        return None
    endpoint = settings.endpoint or f"https://s3.{region}.amazonaws.com"
    credential: S3Credential = {
        "access_key_id": str(identity[0]),
        "secret_access_key": str(identity[1]),
        "token": environ.get("AWS_SESSION_TOKEN") or None,
        "expires_at": None,
    }
    return Login(
        check_endpoint(endpoint, allow_http=settings.allow_http), region, lambda: credential
    )


def login_of_sdk(driver: StorageDriver) -> Login | None:
    """What boto3 has found; its credentials are asked again and again, and refresh themselves."""
    from portable_aws.errors import translated  # and botocore, which is here already

    client: Any = driver.native
    found: Any = client._request_signer._credentials
    is_https = client.meta.endpoint_url.startswith("https:")
    if found is None or (is_https and client._endpoint.http_session.verify is not True):
        return None

    def credentials() -> S3Credential:
        with translated():
            frozen = found.get_frozen_credentials()
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": datetime.now(UTC) + timedelta(seconds=REFRESH_SECONDS),
        }

    return Login(client.meta.endpoint_url, client.meta.region_name or DEFAULT_REGION, credentials)
