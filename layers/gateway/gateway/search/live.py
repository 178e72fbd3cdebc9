"""The index that this instance searches: fetched when it is first asked for, and again when there is a new one.

The old one serves while the new one is fetched, and goes on serving if the new one is not good.
"""

import functools
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from gateway.errors import IndexUnavailable
from gateway.observability import count, logger
from gateway.search import files
from gateway.search.files import IndexFiles
from gateway.search.index import Index, IndexUnusable
from gateway.settings import settings

CHECK_SECONDS = 30.0
"""How old what is known of the file in S3 may be."""
RETRY_SECONDS = 5.0
"""After which it is looked for again where none was found: not every request is to wait for the same fault."""


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
        self._index: Index | None = None
        self._fetched: Index | None = None
        self._etag: str | None = None
        self._checked = -RETRY_SECONDS
        self._fault: IndexUnavailable | None = None
        self._busy = threading.Lock()

    def index(self) -> Index:
        """The newest index that could be fetched, at most half a minute old, and a request older.

        Raises:
            IndexUnavailable: there is none, or none that is good; or S3 does not answer.
        """
        if self._fetched:
            self._replace(self._fetched)
        if self._index is None:
            return self._first()
        if self._clock() - self._checked >= CHECK_SECONDS and self._busy.acquire(blocking=False):
            self._checked = self._clock()
            self._beside(self._refresh)
        return self._index

    def _replace(self, new: Index) -> None:
        """Between requests, since the old one may be in use during one."""
        if self._index:
            self._index.close()
        self._index, self._fetched = new, None

    def _first(self) -> Index:
        if self._fault and self._clock() - self._checked < RETRY_SECONDS:
            raise self._fault
        self._checked = self._clock()
        try:
            self._index = self._newest() or self._earlier()
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
        return self._index

    def _newest(self) -> Index | None:
        return self._opened(None)

    def _earlier(self) -> Index:
        """The last index before the present one that is good."""
        for version in self._source.earlier():
            index = self._opened(version)
            if index:
                logger.warning("earlier search index in use", version=version, products=index.about.products)
                return index
        self._fault = IndexUnavailable(
            "The search index is not usable; a new one is built within minutes.", retry_after=60
        )
        raise self._fault

    def _refresh(self) -> None:
        try:
            self._fetched = self._opened(None)
        except FileNotFoundError:
            logger.error("search index not fetched", error="it is gone")
        except (BotoCoreError, ClientError, OSError) as error:
            logger.error("search index not fetched", error=_word(error))
        finally:
            self._busy.release()

    def _opened(self, version: str | None) -> Index | None:
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
                index = Index.open(path)
            except IndexUnusable as error:
                logger.error("search index refused", reason=str(error), etag=etag)
                count("IndexRefused")
                return None
        logger.info("search index opened", extra={"products": index.about.products, "revision": index.about.revision})
        return index


@functools.cache
def live() -> LiveIndex:
    """The instance's index."""
    return LiveIndex(IndexFiles(files.client(), settings().search_bucket))


def _word(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__
