"""The search index in S3: one file, always replaced as a whole, whose earlier versions are kept for a week."""

import functools
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "products.sqlite"
CHUNK_BYTES = 1024 * 1024
MAX_VERSIONS = 5
"""How far back a good one is looked for."""


@dataclass(frozen=True)
class Published:
    """A file as S3 has it.

    Attributes:
        etag: tells it from all others.
        format: of its tables, as the code that built it says.
        revision: of the products that it was built from.
    """

    etag: str
    format: int
    revision: int


@functools.cache
def client() -> "S3Client":
    """The instance's client. S3's first byte comes within a second, and the others on its heels."""
    config = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 3, "mode": "standard"})
    return boto3.client("s3", config=config)


class IndexFiles:
    """The bucket.

    Args:
        s3: its client.
        bucket: its name.
    Raises:
        BotoCoreError, ClientError: from every method, if S3 refuses or does not answer.
    """

    def __init__(self, s3: "S3Client", bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def published(self) -> Published | None:
        """What is there, if anything is. A file that says nothing of itself is of no format."""
        try:
            head = self._s3.head_object(Bucket=self._bucket, Key=KEY)
        except ClientError as error:
            if _status(error) == 404:
                return None
            raise
        told = head["Metadata"]
        return Published(head["ETag"], _number(told.get("format")), _number(told.get("revision")))

    def fetch(self, path: Path, unless: str | None = None, version: str | None = None) -> str | None:
        """Write the file to a path.

        Args:
            unless: the ETag of the one that is known already.
            version: an earlier one's id.
        Returns:
            Its ETag; None if it is the one that is known.
        Raises:
            FileNotFoundError: there is none.
        """
        asked: dict[str, Any] = {"IfNoneMatch": unless} if unless else {}
        asked |= {"VersionId": version} if version else {}
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=KEY, **asked)
        except ClientError as error:
            if _status(error) == 404:
                raise FileNotFoundError(KEY) from None
            if _status(error) == 304:
                return None
            raise
        with closing(answer["Body"]) as body, path.open("wb") as file:
            for chunk in body.iter_chunks(CHUNK_BYTES):
                file.write(chunk)
        return answer["ETag"]

    def earlier(self) -> Iterator[str]:
        """The ids of the versions before the present one, newest first."""
        listed = self._s3.list_object_versions(Bucket=self._bucket, Prefix=KEY, MaxKeys=MAX_VERSIONS + 1)
        for version in listed.get("Versions", []):
            if version["Key"] == KEY and not version["IsLatest"]:
                yield version["VersionId"]

    def put(self, path: Path, before: Published | None, *, format: int, revision: int) -> bool:  # noqa: A002 - S3's name for it
        """Replace what is there, unless somebody else has done so.

        Args:
            path: of the new file.
            before: what was there when the new one was begun.
        Returns:
            Whether it was replaced.
        """
        condition: dict[str, Any] = {"IfMatch": before.etag} if before else {"IfNoneMatch": "*"}
        told = {"format": str(format), "revision": str(revision)}
        try:
            with path.open("rb") as file:
                self._s3.put_object(
                    Bucket=self._bucket,
                    Key=KEY,
                    Body=file,
                    Metadata=told,
                    ContentType="application/vnd.sqlite3",
                    **condition,
                )
        except ClientError as error:
            if _status(error) in (409, 412):
                return False
            raise
        return True


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else -1
