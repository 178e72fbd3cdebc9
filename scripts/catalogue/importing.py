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
                self._write(stage, f"{PurePosixPath(source.name).name} {stage.digest}")
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
        unfinished = self.table.unfinished()
        has_begun = feed in unfinished and not self.dry_run
        done = 0
        try:
            for batch in stage.batches(BATCH):
                changes = self._changes(batch, are_whole=not unfinished)
                if changes and not self.dry_run:
                    self.table.begin(feed)
                    has_begun = True
                    self.table.write(changes)
                done += len(batch)
                self.progress.at(done / stage.products, done)
        except BaseException:
            if has_begun:
                with suppress(BotoCoreError, ClientError):  # what went wrong first is told
                    self.table.break_off()
            raise
        if has_begun:
            self.table.end(feed)

    def _changes(self, batch: Products, are_whole: bool) -> list[Change]:
        """What of a batch has to be written.

        Args:
            are_whole: whether a product without an item of its own has no others.
        """
        known = self.table.known([entries[0].id for entries in batch])
        news = [[one for one in entries if not known.get(one.id, Known()).has(one)] for entries in batch]
        news = [entries for entries in news if entries]
        self.report.unchanged += len(batch) - len(news)
        there = [entries[0].id for entries in news if entries[0].id in known or not are_whole]
        items = dict(zip(there, self.table.items(there), strict=True))
        found = [change(items.get(entries[0].id, ()), entries, self.today) for entries in news]
        for one in found:
            self._count(one)
        return [one for one in found if one.whole]

    def _count(self, one: Change) -> None:
        for rejection in one.rejected:
            self.rejects.add(rejection)
        if one.whole is None:
            self.report.unchanged += not one.is_new
        elif one.is_new:
            self.report.new += 1
        else:
            self.report.changed += 1
