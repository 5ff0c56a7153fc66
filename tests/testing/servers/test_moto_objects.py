"""moto checks uploads in parts, and copies, as S3 does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
from tests.testing.servers.starting import BUCKET, code, crc32

MIB = 1 << 20


PARTS = (b"a" * 5 * MIB, b"b" * 5 * MIB, b"tail")


WHOLE = crc32(b"".join(PARTS))


class TestUploadsAtMoto:
    def begin(self, s3: S3Client, key: str, **options: Any) -> str:
        upload = s3.create_multipart_upload(
            Bucket=BUCKET, Key=key, ChecksumAlgorithm="CRC32", **options
        )
        return upload["UploadId"]

    def send_parts(self, s3: S3Client, key: str, upload: str) -> list[Any]:
        named: Any = {"Bucket": BUCKET, "Key": key, "UploadId": upload}
        parts: list[Any] = []
        for number, part in enumerate(PARTS, 1):
            sent = s3.upload_part(**named, PartNumber=number, Body=part, ChecksumCRC32=crc32(part))
            parts.append({"PartNumber": number, "ETag": sent["ETag"], "ChecksumCRC32": crc32(part)})
        return parts

    def complete(
        self, s3: S3Client, key: str, upload: str, parts: list[Any], **options: Any
    ) -> Any:
        return s3.complete_multipart_upload(
            Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}, **options
        )

    def test_the_whole_objects_crc_must_match(self, s3: S3Client) -> None:
        upload = self.begin(s3, "full", ChecksumType="FULL_OBJECT")
        parts = self.send_parts(s3, "full", upload)
        full = {"ChecksumType": "FULL_OBJECT"}
        with pytest.raises(ClientError) as caught:
            self.complete(s3, "full", upload, parts, ChecksumCRC32=crc32(b"other"), **full)
        assert code(caught) == (400, "BadDigest")
        done = self.complete(s3, "full", upload, parts, ChecksumCRC32=WHOLE, **full)
        assert (done["ChecksumCRC32"], done["ChecksumType"]) == (WHOLE, "FULL_OBJECT")
        head = s3.head_object(Bucket=BUCKET, Key="full", ChecksumMode="ENABLED")
        assert (head["ChecksumCRC32"], head["ChecksumType"]) == (WHOLE, "FULL_OBJECT")

    def test_a_checksum_of_checksums_says_so(self, s3: S3Client) -> None:
        upload = self.begin(s3, "composite")
        done = self.complete(s3, "composite", upload, self.send_parts(s3, "composite", upload))
        assert done["ChecksumType"] == "COMPOSITE"
        head = s3.head_object(Bucket=BUCKET, Key="composite", ChecksumMode="ENABLED")
        assert head["ChecksumCRC32"] == done["ChecksumCRC32"]
        assert head["ChecksumCRC32"].endswith("-3")

    def test_parts_sizes_and_kinds_must_match(self, s3: S3Client) -> None:
        upload = self.begin(s3, "odd", ChecksumType="FULL_OBJECT")
        parts = self.send_parts(s3, "odd", upload)
        wrong = [{**parts[0], "ChecksumCRC32": crc32(b"other")}, *parts[1:]]
        with pytest.raises(ClientError, match="InvalidPart"):
            self.complete(s3, "odd", upload, wrong)
        with pytest.raises(ClientError, match="InvalidRequest"):
            self.complete(s3, "odd", upload, parts, MpuObjectSize=1)
        with pytest.raises(ClientError, match="InvalidRequest"):
            self.complete(s3, "odd", upload, parts, ChecksumType="COMPOSITE")

    def test_copied_parts_count(self, s3: S3Client) -> None:
        s3.put_object(Bucket=BUCKET, Key="source", Body=b"0123456789")
        upload = self.begin(s3, "copied", ChecksumType="FULL_OBJECT")
        part = s3.upload_part_copy(
            Bucket=BUCKET,
            Key="copied",
            UploadId=upload,
            PartNumber=1,
            CopySource={"Bucket": BUCKET, "Key": "source"},
            CopySourceRange="bytes=2-5",
        )
        parts = [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]
        with pytest.raises(ClientError, match="BadDigest"):
            self.complete(s3, "copied", upload, parts, ChecksumCRC32=crc32(b"0123456789"))
        self.complete(s3, "copied", upload, parts, ChecksumCRC32=crc32(b"2345"))

    def test_conditions_on_the_object_to_be_replaced(self, s3: S3Client) -> None:
        etag = s3.put_object(Bucket=BUCKET, Key="cas", Body=b"old")["ETag"]
        upload = self.begin(s3, "cas")
        parts = self.send_parts(s3, "cas", upload)
        for condition in ({"IfNoneMatch": "*"}, {"IfMatch": '"other"'}):
            with pytest.raises(ClientError) as caught:
                self.complete(s3, "cas", upload, parts, **condition)
            assert code(caught) == (412, "PreconditionFailed")
        self.complete(s3, "cas", upload, parts, IfMatch=etag)
        upload = self.begin(s3, "missing")
        parts = self.send_parts(s3, "missing", upload)
        with pytest.raises(ClientError) as caught:
            self.complete(s3, "missing", upload, parts, IfMatch=etag)
        assert code(caught) == (404, "NoSuchKey")

    def test_an_aborted_upload_is_gone(self, s3: S3Client) -> None:
        upload = self.begin(s3, "gone")
        parts = self.send_parts(s3, "gone", upload)
        s3.abort_multipart_upload(Bucket=BUCKET, Key="gone", UploadId=upload)
        with pytest.raises(ClientError) as caught:
            self.send_parts(s3, "gone", upload)
        assert code(caught) == (404, "NoSuchUpload")
        with pytest.raises(ClientError) as caught:
            self.complete(s3, "gone", upload, parts)
        assert code(caught) == (404, "NoSuchUpload")

    def test_the_time_at_which_an_upload_began(self, s3: S3Client) -> None:
        begun = time.time()
        upload = self.begin(s3, "timed")
        uploads = s3.list_multipart_uploads(Bucket=BUCKET, Prefix="timed")["Uploads"]
        assert [u["UploadId"] for u in uploads] == [upload]
        assert abs(uploads[0]["Initiated"].timestamp() - begun) < 5


class TestCopiesAtMoto:
    def test_conditions_on_the_source(self, s3: S3Client) -> None:
        etag = s3.put_object(Bucket=BUCKET, Key="é source", Body=b"x")["ETag"]
        source: Any = {"Bucket": BUCKET, "Key": "é source"}
        target: Any = {"Bucket": BUCKET, "Key": "target", "CopySource": source}
        conditions: Any = ({"CopySourceIfMatch": '"other"'}, {"CopySourceIfNoneMatch": etag})
        for condition in conditions:
            with pytest.raises(ClientError) as caught:
                s3.copy_object(**target, **condition)
            assert code(caught) == (412, "PreconditionFailed")
        s3.copy_object(**target, CopySourceIfMatch=etag)

    def test_conditions_on_the_target(self, s3: S3Client) -> None:
        s3.put_object(Bucket=BUCKET, Key="from", Body=b"x")
        s3.put_object(Bucket=BUCKET, Key="to", Body=b"y")
        with pytest.raises(ClientError) as caught:
            s3.copy_object(
                Bucket=BUCKET,
                Key="to",
                CopySource={"Bucket": BUCKET, "Key": "from"},
                IfNoneMatch="*",
            )
        assert code(caught) == (412, "PreconditionFailed")
