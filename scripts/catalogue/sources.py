"""Where a feed is: a file, or an object in S3; as a stream of its bytes, decompressed if need be."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from catalogue.feed import Refused

CHUNK_BYTES = 256 * 1024
GZIP = b"\x1f\x8b"
MISSING = {
    "NoSuchKey": "there is no such key",
    "404": "there is no such key",
    "NoSuchBucket": "there is no such bucket",
}


class Source:
    """An open feed.

    Attributes:
        name: as the user named it.
        size: in bytes, as stored.
        done: how many of them have been read.
    """

    def __init__(self, name: str, stream: Any, size: int) -> None:
        self.name = name
        self.size = size
        self.done = 0
        self._stream = stream

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, without gzip's compression.

        Raises:
            Refused: it is empty, damaged, cut off, or the connection to S3 broke.
        """
        raw = io.BufferedReader(_Counted(self), CHUNK_BYTES)
        packed = raw.peek(2)[:2] == GZIP
        if self.name.lower().endswith(".gz") and not packed:
            raise Refused(f"{self.name}: it is {'not gzip, as its name says' if self.size else 'empty'}.")
        stream: BinaryIO = gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[assignment]
        empty = True
        while chunk := self._read(stream):
            empty = False
            yield chunk
        if empty:
            raise Refused(f"{self.name}: it is empty.")

    def _read(self, stream: BinaryIO) -> bytes:
        try:
            return stream.read(CHUNK_BYTES)
        except EOFError:
            raise Refused(f"{self.name}: it is cut off: its compressed data does not end.") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise Refused(f"{self.name}: its compressed data is damaged: {error}.") from None
        except BotoCoreError as error:
            raise Refused(f"{self.name}: S3 did not send it to its end: {error}") from None

    def take(self, most: int) -> bytes:
        """Some bytes as they are stored; counts them."""
        data: bytes = self._stream.read(most)
        self.done += len(data)
        return data


class _Counted(io.RawIOBase):
    def __init__(self, source: Source) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._source.take(len(buffer))
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def opened(name: str, s3: Any) -> Iterator[Source]:
    """Open a feed.

    Args:
        name: a path, or s3://bucket/key.
        s3: makes a client of S3 when it is needed.
    Raises:
        Refused: it is not there, or is no file.
    """
    if name.startswith("s3://"):
        yield _object(name, s3())
        return
    path = Path(name)
    if path.is_dir():
        raise Refused(f"{name}: it is a folder; name a file in it.")
    try:
        stream = path.open("rb")
    except OSError as error:
        raise Refused(f"{name}: it cannot be read: {error.strerror}.") from None
    with stream:
        yield Source(name, stream, path.stat().st_size)


def _object(name: str, s3: Any) -> Source:
    bucket, _, key = name.removeprefix("s3://").partition("/")
    if not bucket or not key:
        raise Refused(f"{name}: it must be s3://BUCKET/KEY.")
    try:
        found = s3.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise Refused(f"{name}: {MISSING.get(code, f'S3 refuses it: {code}')}.") from None
    except ParamValidationError:
        raise Refused(f"{name}: S3 has no buckets of such a name.") from None
    except BotoCoreError as error:
        raise Refused(f"{name}: S3 does not answer: {error}") from None
    return Source(name, found["Body"], found["ContentLength"])
