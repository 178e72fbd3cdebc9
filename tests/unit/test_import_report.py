"""What an import tells while it runs, and of the rows that it rejects."""

import csv
import io
from pathlib import Path

import pytest

from catalogue.feed import Rejection
from catalogue.report import SHOWN, Progress, Report, rejects
from local.console import Failure


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("out", "seconds"), [(Terminal(), 0.2), (io.StringIO(), 10.0)])
def test_progress_is_told_now_and_then(out: io.StringIO, seconds: float) -> None:
    clock = Clock()
    progress = Progress(out, clock)
    progress.begin("Reading", "rows")
    for _ in range(4):
        clock.now += seconds / 2
        progress.at(0.5, 100)
    assert out.getvalue().count("50%") == 2


def test_a_terminal_has_a_bar_that_is_gone_at_the_end() -> None:
    out, clock = Terminal(), Clock()
    progress = Progress(out, clock)
    progress.begin("Reading", "rows")
    clock.now = 2
    progress.at(0.5, 3000)
    assert out.getvalue().endswith(f"Reading [{'#' * 15}{'.' * 15}]  50%  3,000 rows, 1,500/s\x1b[K")
    progress.finish()
    assert out.getvalue().endswith("\r\x1b[K")


def test_a_pipe_has_lines() -> None:
    out, clock = io.StringIO(), Clock()
    progress = Progress(out, clock)
    progress.begin("Writing", "products")
    clock.now = 10
    progress.at(0.25, 500)
    progress.finish()
    assert out.getvalue() == "Writing: 25%  500 products, 50/s\n"


def test_all_rejected_rows_are_in_the_file_and_the_first_ones_are_shown(tmp_path: Path) -> None:
    report, path = Report(), tmp_path / "rejects.csv"
    with rejects(report, path) as rejected:
        for number in range(SHOWN + 5):
            rejected.add(Rejection(number, "=HYPERLINK(1)", "price", "has \x1b[31m colours"))
    assert (report.rejected, len(report.shown)) == (SHOWN + 5, SHOWN)
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
    assert rows[0] == ["line", "id", "field", "reason"]
    assert rows[-1] == [str(SHOWN + 4), "'=HYPERLINK(1)", "price", "has ?[31m colours"]


def test_a_file_of_rejects_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"--rejects: .* cannot be written"), rejects(Report(), tmp_path / "no" / "r.csv"):
        pass
