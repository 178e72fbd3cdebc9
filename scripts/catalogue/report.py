"""What an import tells: how far it is, which rows it has rejected and why, and what came of it."""

import csv
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from catalogue.feed import Rejection
from gateway import csv_text
from local.console import Failure, printable

SHOWN = 20
COLUMNS = ("line", "id", "field", "reason")
BAR_SECONDS, LINE_SECONDS = 0.2, 10.0
BAR_WIDTH = 30


@dataclass
class Report:
    """The counts of an import.

    Attributes:
        rows: read, the rejected ones among them.
        offers: that the accepted rows have.
        new, changed, unchanged: products.
        items: written to the table or deleted from it.
        seconds: that it took, without the search index.
    """

    rows: int = 0
    offers: int = 0
    rejected: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    items: int = 0
    seconds: float = 0.0
    ignored: list[str] = field(default_factory=list)
    shown: list[Rejection] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """The counts, for people."""
        rate = self.rows / self.seconds if self.seconds else 0
        yield f"Rows: {self.rows:,} read with {self.offers:,} offers, {self.rejected:,} rejected."
        yield f"Products: {self.new:,} new, {self.changed:,} changed, {self.unchanged:,} unchanged."
        yield f"Items: {self.items:,} written. {self.seconds:.1f} s, {rate:,.0f} rows/s."
        if self.ignored:
            yield f"Columns that were ignored: {', '.join(map(printable, self.ignored))}."


class Rejects:
    """Takes the rejected rows: the first ones to be shown, all of them into a file."""

    def __init__(self, report: Report, file: TextIO | None) -> None:
        self._report = report
        self._writer = csv.writer(file) if file else None
        if self._writer:
            self._writer.writerow(COLUMNS)

    def add(self, rejection: Rejection) -> None:
        """Count and keep one."""
        self._report.rejected += 1
        if len(self._report.shown) < SHOWN:
            self._report.shown.append(rejection)
        if self._writer:
            cells = (rejection.id, rejection.field, rejection.reason)
            self._writer.writerow([rejection.line, *map(_cell, cells)])


@contextmanager
def rejects(report: Report, path: Path | None, feed: str = "") -> Iterator[Rejects]:
    """Rejected rows, written to a CSV file if there is to be one.

    Args:
        feed: where the rows are from; is not written over.
    Raises:
        Failure: the file cannot be written.
    """
    if path is None:
        yield Rejects(report, None)
        return
    if path.exists() and Path(feed).exists() and path.samefile(feed):
        raise Failure(f"--rejects: {path} is the feed itself.")
    try:
        file = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise Failure(f"--rejects: {path} cannot be written: {error.strerror}.") from None
    with file:
        yield Rejects(report, file)


class Progress:
    """A bar on a terminal, and else a line now and then."""

    def __init__(self, out: TextIO = sys.stderr, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._clock = clock
        self._bar = out.isatty()
        self._started = self._shown = clock()
        self._title = self._unit = ""

    def begin(self, title: str, unit: str) -> None:
        """Start over, with something else.

        Args:
            title: what is going on.
            unit: what is counted.
        """
        self.finish()
        self._title, self._unit = title, unit
        self._started = self._shown = self._clock()

    def at(self, part: float, count: int) -> None:
        """Say how far it is, unless that was just said.

        Args:
            part: of the whole, from 0 to 1.
            count: of units, so far.
        """
        now = self._clock()
        if now - self._shown < (BAR_SECONDS if self._bar else LINE_SECONDS):
            return
        self._shown = now
        rate = count / (now - self._started)
        text = f"{min(part, 1):4.0%}  {count:,} {self._unit}, {rate:,.0f}/s"
        if self._bar:
            full = round(min(part, 1) * BAR_WIDTH)
            text = f"\r{self._title} [{'#' * full}{'.' * (BAR_WIDTH - full)}] {text}\x1b[K"
        else:
            text = f"{self._title}: {text.strip()}\n"
        self._out.write(text)
        self._out.flush()

    def finish(self) -> None:
        """Leave no bar behind."""
        if self._bar and self._title:
            self._out.write("\r\x1b[K")
            self._out.flush()


def _cell(text: str) -> str:
    """A feed's text in CSV, which a spreadsheet takes for no formula."""
    shown = printable(text)
    return f"'{shown}" if shown.startswith(csv_text.FORMULA) else shown
