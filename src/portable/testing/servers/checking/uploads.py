"""What is known of multipart uploads: their parts' CRC-32 and sizes, seen as they came."""

from __future__ import annotations

import re
import threading
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from xml.etree import ElementTree

from .answers import Answer, Refused, bad_digest
from .digests import combine_crc32, encoded
from .request import ALGORITHMS, Request


@dataclass(slots=True)
class Upload:
    """One upload since it began.

    Attributes:
        kind: ``FULL_OBJECT`` or ``COMPOSITE``, ``""`` without an algorithm.
        parts: CRC-32 and size by part number.
    """

    algorithm: str
    kind: str
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    parts: dict[int, tuple[int, int]] = field(default_factory=dict)

    def whole(self, numbers: list[int]) -> tuple[int, int]:
        """CRC-32 and size of the parts with *numbers*, one after the other."""
        crc, size = 0, 0
        for number in numbers:
            part_crc, part_size = self.parts[number]
            crc = combine_crc32(crc, part_crc, part_size)
            size += part_size
        return crc, size

    def claim(self, numbers: list[int]) -> str:
        """The object's CRC-32 as S3 writes it."""
        if self.kind == "FULL_OBJECT":
            return encoded(self.whole(numbers)[0].to_bytes(4, "big"))
        crcs = b"".join(self.parts[number][0].to_bytes(4, "big") for number in numbers)
        return f"{encoded(zlib.crc32(crcs).to_bytes(4, 'big'))}-{len(numbers)}"


class Uploads:
    """All uploads of a server's life, ended ones included: completing one twice is fine."""

    def __init__(self) -> None:
        self._uploads: dict[str, Upload] = {}
        self._lock = threading.Lock()

    def name_type(self, request: Request) -> None:
        """Say in a request that begins an upload what S3 takes for granted there."""
        algorithm = request.header("x-amz-checksum-algorithm")
        if algorithm and not request.header("x-amz-checksum-type"):
            kind = "FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE"
            request.set_header("x-amz-checksum-type", kind)

    def begun(self, request: Request, answer: Answer) -> None:
        found = re.search(rb"<UploadId>(.+?)</UploadId>", answer.body)
        if answer.status == 200 and found:
            upload = Upload(
                algorithm=request.header("x-amz-checksum-algorithm") or "",
                kind=request.header("x-amz-checksum-type") or "",
            )
            with self._lock:
                self._uploads[found[1].decode()] = upload

    def got_part(self, upload_id: str, number: int, content: bytes) -> None:
        with self._lock:
            if upload := self._uploads.get(upload_id):
                upload.parts[number] = (zlib.crc32(content), len(content))

    def check_completion(self, request: Request, upload_id: str) -> str | None:
        """Hold what the caller says of the object against the parts that came.

        Returns:
            The object's CRC-32 as S3 writes it, for the answer; `None` without one.
        """
        with self._lock:
            upload = self._uploads.get(upload_id)
        listed = _listed_parts(request.body)
        numbers = [number for number, _ in listed]
        if upload is None or any(number not in upload.parts for number in numbers):
            return None  # moto knows what to say of those
        for number, claim in listed:
            if claim is not None and claim != encoded(upload.parts[number][0].to_bytes(4, "big")):
                raise Refused(
                    400, "InvalidPart", f"The CRC32 of part {number} is not what was uploaded."
                )
        size = request.header("x-amz-mp-object-size")
        if size is not None and int(size) != upload.whole(numbers)[1]:
            raise Refused(400, "InvalidRequest", "The object's size is not x-amz-mp-object-size.")
        kind = request.header("x-amz-checksum-type")
        if kind and upload.kind and kind != upload.kind:
            raise Refused(400, "InvalidRequest", f"The upload was begun as {upload.kind}.")
        claim = request.header("x-amz-checksum-crc32")
        if claim is not None and claim != upload.claim(numbers):
            raise bad_digest("CRC32")
        return upload.claim(numbers) if upload.algorithm == "CRC32" else None

    def completed(self, upload_id: str, claim: str | None, answer: Answer) -> None:
        """Name the checksum in the answer, as S3 does."""
        if claim is None or answer.status != 200:
            return
        with self._lock:
            kind = self._uploads[upload_id].kind
        tail = b"</CompleteMultipartUploadResult>"
        named = f"<ChecksumCRC32>{claim}</ChecksumCRC32><ChecksumType>{kind}</ChecksumType>"
        answer.body = answer.body.replace(tail, named.encode() + tail)
        answer.set_header("Content-Length", str(len(answer.body)))

    def correct_times(self, answer: Answer) -> None:
        """Give each upload in a listing the time at which it began: moto says 2010 of all."""
        with self._lock:
            started = {upload_id: upload.started for upload_id, upload in self._uploads.items()}

        def corrected(found: re.Match[bytes]) -> bytes:
            upload_id = re.search(rb"<UploadId>(.+?)</UploadId>", found[0])
            time = started.get(upload_id[1].decode()) if upload_id else None
            if time is None:
                return found[0]
            text = f"<Initiated>{time:%Y-%m-%dT%H:%M:%S}.000Z</Initiated>".encode()
            return re.sub(rb"<Initiated>.*?</Initiated>", text, found[0])

        answer.body = re.sub(rb"<Upload>.*?</Upload>", corrected, answer.body, flags=re.DOTALL)
        answer.set_header("Content-Length", str(len(answer.body)))


def has_checksum(request: Request) -> str | None:
    """The algorithm of the digest in the headers, in lower case."""
    return next((name for name in ALGORITHMS if request.header(f"x-amz-checksum-{name}")), None)


def _listed_parts(body: bytes) -> list[tuple[int, str | None]]:
    """Numbers and CRC-32 claims in a request to complete; empty if it isn't one."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return []
    parts = []
    for part in root.iter():
        if part.tag.rpartition("}")[2] == "Part":
            fields = {child.tag.rpartition("}")[2]: child.text for child in part}
            parts.append((int(fields.get("PartNumber") or 0), fields.get("ChecksumCRC32")))
    return parts
