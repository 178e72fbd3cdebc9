"""The index that this instance searches: fetched when it is first asked for, and again when there is a new one.

The old one serves while the new one is fetched, and goes on serving if the new one is not good.
"""

import functools
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from gateway.errors import IndexUnavailable
from gateway.observability import count, logger
from gateway.search import files
from gateway.search.files import IndexFiles
from gateway.search.index import Index, IndexUnusable
from gateway.settings import settings

T = TypeVar("T")

CHECK_SECONDS = 30.0
"""How old what is known of the file in S3 may be."""
RETRY_SECONDS = 5.0
"""After which it is looked for again where none was found: not every request is to wait for the same fault."""


MOST_BREAKS = 2
"""After which a file is not used any more: the first time, only this instance's copy may have been broken."""


@dataclass(frozen=True)
class Fetched:
    """An index, and the tag that its file has in S3."""

    index: Index
    etag: str


def in_background(work: Callable[[], None]) -> None:
    """Do something beside the request. Between requests Lambda halts it."""
    threading.Thread(target=work, daemon=True).start()


class LiveIndex:
    """The instance's index.

    Args:
        source: where the files are.
        clock: tells the time, in seconds.
        beside: does something beside the request.
    """

    def __init__(
        self,
        source: IndexFiles,
        clock: Callable[[], float] = time.monotonic,
        beside: Callable[[Callable[[], None]], None] = in_background,
    ) -> None:
        self._source = source
        self._clock = clock
        self._beside = beside
        self._used: Fetched | None = None
        self._fetched: Fetched | None = None
        self._etag: str | None = None
        self._broken: Fetched | None = None
        self._breaks = Counter[str]()
        self._checked = -RETRY_SECONDS
        self._fault: IndexUnavailable | None = None
        self._busy = threading.Lock()

    def ask(self, question: Callable[[Index], T]) -> T:
        """What the newest index says. One that is broken where it was asked goes on serving what it can, until its file was
        fetched again, or an earlier one that is good.

        Raises:
            IndexUnavailable: as `index`; or the answer cannot be read.
        """
        index = self.index()
        try:
            return question(index)
        except IndexUnusable as error:
            logger.error("search index broken", reason=str(error), where=_places(error))
            count("IndexBroken")
            self._doubt()
            raise IndexUnavailable("The search index cannot be read; try again.", retry_after=RETRY_SECONDS) from None

    def _doubt(self) -> None:
        """Have the file that is in use fetched again with the next request, once, as if it were a new one."""
        if self._used and self._used is not self._broken:
            self._broken = self._used
            self._breaks[self._used.etag] += 1
            self._etag, self._checked = None, -CHECK_SECONDS

    def index(self) -> Index:
        """The newest index that could be fetched, at most half a minute old, and a request older.

        Raises:
            IndexUnavailable: there is none, or none that is good; or S3 does not answer.
        """
        if self._fetched:
            self._replace(self._fetched)
        if self._used is None:
            self._used = self._first()
        elif self._clock() - self._checked >= CHECK_SECONDS and self._busy.acquire(blocking=False):
            self._checked = self._clock()
            self._beside(self._refresh)
        return self._used.index

    def _replace(self, new: Fetched) -> None:
        """Between requests, since the old one may be in use during one."""
        if self._used:
            self._used.index.close()
        self._used, self._fetched = new, None

    def _first(self) -> Fetched:
        if self._fault and self._clock() - self._checked < RETRY_SECONDS:
            raise self._fault
        self._checked = self._clock()
        try:
            return self._opened(None) or self._earlier()
        except FileNotFoundError:
            self._fault = IndexUnavailable(
                "There is no search index yet. One is built within minutes, and after each import of products.",
                retry_after=60,
            )
            raise self._fault from None
        except (BotoCoreError, ClientError, OSError) as error:
            logger.error("search index not fetched", error=_word(error))
            self._fault = IndexUnavailable("The search index cannot be fetched; try again.", retry_after=RETRY_SECONDS)
            raise self._fault from None

    def _earlier(self) -> Fetched:
        """The last index before the present one that is good."""
        for version in self._source.earlier():
            found = self._opened(version)
            if found:
                logger.warning("earlier search index in use", version=version, products=found.index.about.products)
                return found
        self._fault = IndexUnavailable(
            "The search index is not usable; a new one is built within minutes.", retry_after=60
        )
        raise self._fault

    def _refresh(self) -> None:
        try:
            self._fetched = self._opened(None) or (self._earlier() if self._used is self._broken else None)
        except IndexUnavailable:
            logger.error("search index broken", reason="There is no other one that is good.")
        except FileNotFoundError:
            logger.error("search index not fetched", error="it is gone")
        except (BotoCoreError, ClientError, OSError) as error:
            logger.error("search index not fetched", error=_word(error))
        finally:
            self._busy.release()

    def _opened(self, version: str | None) -> Fetched | None:
        """The index of S3's file, if it is not the one that is known, and is good.

        The file is removed at once: SQLite has it open, and nothing is left behind of an instance that ends.
        """
        with tempfile.TemporaryDirectory(prefix="search-") as folder:
            path = Path(folder) / files.KEY
            etag = self._source.fetch(path, unless=None if version else self._etag, version=version)
            if etag is None:
                return None
            self._etag = self._etag if version else etag
            try:
                index = self._whole(path, etag)
            except IndexUnusable as error:
                logger.error("search index refused", reason=str(error), etag=etag)
                count("IndexRefused")
                return None
        logger.info("search index opened", extra={"products": index.about.products, "revision": index.about.revision})
        return Fetched(index, etag)

    def _whole(self, path: Path, etag: str) -> Index:
        if self._breaks[etag] >= MOST_BREAKS:
            raise IndexUnusable("It broke whenever it was read.")
        return Index.open(path)


@functools.cache
def live() -> LiveIndex:
    """The instance's index."""
    return LiveIndex(IndexFiles(files.client(), settings().search_bucket))


def _word(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__


def _places(error: BaseException) -> list[str]:
    """Where it happened first; its text may quote what was searched for."""
    return traceback.format_tb((error.__cause__ or error).__traceback__)
