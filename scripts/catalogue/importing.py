"""An import from its first row to its last item: read all of the feed, compare it with the table, write what differs."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath

from botocore.exceptions import BotoCoreError, ClientError

from catalogue import feeds
from catalogue.entries import Entry
from catalogue.feed import Head, Refused, Rejection
from catalogue.feeds import Reading
from catalogue.merge import Change, Known, change
from catalogue.report import Progress, Rejects, Report
from catalogue.sources import Source
from catalogue.stage import Products, Stage, staged
from catalogue.table import Table
from local.console import Failure

BATCH = 250
"""Products that are compared and written at a time."""


@dataclass
class Import:
    """What an import works with.

    Attributes:
        today: the day of the prices.
        dry_run: whether to write nothing.
    """

    table: Table
    report: Report
    rejects: Rejects
    progress: Progress
    today: date
    dry_run: bool = False
    clock: Callable[[], float] = time.monotonic

    def run(self, source: Source, how: Reading) -> None:
        """Import a feed.

        Raises:
            Refused: it cannot be read to its end, or has no rows; nothing was written.
            Failure: the table takes no more; another run goes on from there.
        """
        started = self.clock()
        try:
            with staged() as stage:
                self._read(source, how, stage)
                self._write(stage, f"{_base(source.name)} {stage.digest}")
        finally:
            self.progress.finish()
            self.report.items = self.table.written
            self.report.seconds = self.clock() - started

    def _read(self, source: Source, how: Reading, stage: Stage) -> None:
        self.progress.begin("Reading", "rows")
        head = Head()
        for row in feeds.read(source, how, head):
            self.report.rows += 1
            self._keep(row, stage)
            self.progress.at(source.done / source.size if source.size else 1.0, self.report.rows)
        if not self.report.rows:
            raise Refused(f"{source.name}: it has no rows.")
        self.report.ignored = list(head.ignored)
        stage.count()

    def _keep(self, row: Entry | Rejection, stage: Stage) -> None:
        rejection = row if isinstance(row, Rejection) else stage.add(row)
        if rejection:
            self.rejects.add(rejection)
        elif isinstance(row, Entry):
            self.report.offers += row.offers

    def _write(self, stage: Stage, feed: str) -> None:
        """Write what differs. The revision tells the index's builder that something did; a second run tells nothing.

        What an import that broke off may have left of new products is looked for until that feed was run again.

        Args:
            feed: which one it is: its name, and what it says.
        """
        self.progress.begin("Comparing" if self.dry_run else "Writing", "products")
        turn = _Turn(self.table, feed, self.table.unfinished())
        done = 0
        try:
            for batch in stage.batches(BATCH):
                self._write_batch(batch, turn)
                done += len(batch)
                self.progress.at(done / stage.products, done)
        except BaseException:
            if turn.has_begun:
                with suppress(BotoCoreError, ClientError, Failure):  # what went wrong first is told
                    self.table.break_off(feed)
            raise
        if turn.has_begun or (feed in turn.unfinished and not self.dry_run):
            self.table.end(feed)

    def _write_batch(self, batch: Products, turn: "_Turn") -> None:
        changes = self._changes(batch, turn)
        if not self.dry_run and any(one.whole for one in changes):
            if turn.take():
                changes = self._changes(batch, turn)
            self.table.write([one for one in changes if one.whole])
        self.report.unchanged += len(batch) - len(changes)
        for one in changes:
            self._count(one)

    def _changes(self, batch: Products, turn: "_Turn") -> list[Change]:
        """What comes of those products of a batch of which something is new."""
        known = self.table.known([entries[0].id for entries in batch])
        news = [[one for one in entries if not known.get(one.id, Known()).has(one)] for entries in batch]
        news = [entries for entries in news if entries]
        there = [entries[0].id for entries in news if entries[0].id in known or turn.unfinished]
        items = dict(zip(there, self.table.items(there), strict=True))
        return [change(items.get(entries[0].id, ()), entries, self.today) for entries in news]

    def _count(self, one: Change) -> None:
        for rejection in one.rejected:
            self.rejects.add(rejection)
        if one.whole is None:
            self.report.unchanged += not one.is_new
        elif one.is_new:
            self.report.new += 1
        else:
            self.report.changed += 1


@dataclass
class _Turn:
    """An import's turn to write, which it has from its first change to its end: what two write at once would be lost.

    Attributes:
        unfinished: feeds that broke off, and may have left items of products that have none of their own.
        has_begun: whether it is its turn.
    """

    table: Table
    feed: str
    unfinished: set[str]
    has_begun: bool = False

    def take(self) -> bool:
        """Tell that the next batch is about to be written.

        Returns:
            Whether it is the first: what was read before may have changed since, by another's turn.
        """
        before = self.table.begin(self.feed)
        if self.has_begun:
            return False
        self.unfinished, self.has_begun = before, True
        return True


def _base(name: str) -> str:
    """A feed's own name, without its folder; names of files need not be text."""
    return PurePosixPath(name).name.encode(errors="replace").decode()
