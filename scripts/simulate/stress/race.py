"""Many threads in two processes that want more than a key has, while an auditor looks on."""

import multiprocessing
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import partial
from multiprocessing.context import ForkServerContext
from typing import Any

from ulid import ULID

from gateway.errors import BudgetHeld, GatewayError, InsufficientQuota, RateLimitExceeded
from gateway.keys import ALPHABET
from gateway.ledger import Estimate
from simulate.endpoints import client
from simulate.stress.books import Auditor, Books, held, ledger_of, quiet, row_of, spent

PROCESSES = 2
LEAST, MOST = 10_000, 20_000
"""Of a hold, in millionths of a US dollar."""
BUDGET = Decimal("1.00")
LIFETIME = 120
"""Seconds that a request may take: nobody is taken for killed here."""
MOST_RPM, MOST_PARALLEL = 100, 8

Span = tuple[float, float]
"""When a request knew that it was in, and when it began to settle: its hold was there all that time."""


@dataclass(frozen=True)
class Part:
    """What one process did.

    Attributes:
        spans: of the requests that were admitted; refused: by the code of the refusal.
    """

    spans: Sequence[Span]
    refused: Mapping[str, int]


@dataclass(frozen=True)
class Race:
    """What came of one race.

    Attributes:
        admitted, rows: how many; at_once: the most at one moment, as they saw it themselves; most_holds: as the auditor did.
        samples, exact: of the auditor, and of them those that could be told to the last digit.
        spent, left: US dollars.
        wrong: the promises that were broken.
    """

    name: str
    seconds: float
    admitted: int
    rows: int
    refused: Mapping[str, int]
    at_once: int
    most_holds: int
    samples: int
    exact: int
    spent: Decimal
    left: Decimal
    wrong: Sequence[str]

    def figures(self) -> dict[str, Any]:
        """For JSON."""
        return {name: str(value) if isinstance(value, Decimal) else value for name, value in asdict(self).items()}


def budget(url: str, threads: int, seed: int) -> Race:
    """Until not even the smallest request can be paid for."""
    race = _race("total_budget $1.00", url, threads, seed, total_budget=BUDGET)
    wrong = [*race.wrong]
    if race.left >= Decimal(LEAST) / 1_000_000:
        wrong.append(f"${race.left} is left, which could have paid another")
    return _with(race, wrong)


def requests(url: str, threads: int, seed: int) -> Race:
    """All in one minute, which does not end."""
    race = _race(f"rpm_limit {MOST_RPM}", url, threads, seed, stands=True, rpm_limit=MOST_RPM)
    wrong = [*race.wrong]
    if race.admitted != MOST_RPM:
        wrong.append(f"{race.admitted} were admitted in a minute of {MOST_RPM}")
    return _with(race, wrong)


def parallel(url: str, threads: int, seed: int) -> Race:
    """For a few seconds, each a little while."""
    race = _race(f"max_parallel {MOST_PARALLEL}", url, threads, seed, max_parallel=MOST_PARALLEL)
    wrong = [*race.wrong]
    if max(race.at_once, race.most_holds) > MOST_PARALLEL:
        wrong.append(f"{max(race.at_once, race.most_holds)} were under way at once")
    if max(race.at_once, race.most_holds) < MOST_PARALLEL:
        wrong.append(f"no more than {max(race.at_once, race.most_holds)} were under way at once")
    return _with(race, wrong)


RACES: Mapping[str, Callable[[str, int, int], Race]] = {"budget": budget, "requests": requests, "parallel": parallel}


def context() -> ForkServerContext:
    """Processes of a clean one that has everything imported: quick, and without anybody's threads."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(["simulate.stress.race", "simulate.stress.worker"])
    return found


def _race(name: str, url: str, threads: int, seed: int, *, stands: bool = False, **policy: Any) -> Race:
    began = time.time()
    books, key_id = Books(client(url)), "".join(random.Random(f"{name}{began}").choices(ALPHABET, k=12))  # noqa: S311
    item = books.open(key_id, "key", began, **policy)
    auditor, over = Auditor(books, key_id), threading.Event()
    watching = threading.Thread(target=_watch, args=(auditor, over))
    watching.start()
    try:
        with context().Pool(PROCESSES) as pool:
            run = partial(_process, url, item, -(-threads // PROCESSES), began if stands else None)
            parts: list[Part] = pool.map(run, range(seed, seed + PROCESSES), chunksize=1)
    finally:
        over.set()
        watching.join()
    auditor.look()
    return _audited(name, time.time() - began, books, auditor, parts)


def _watch(auditor: Auditor, over: threading.Event) -> None:
    while not over.is_set():
        auditor.look()
        time.sleep(0.005)


def _audited(name: str, seconds: float, books: Books, auditor: Auditor, parts: Sequence[Part]) -> Race:
    item, rows = books.item(auditor.account_id), books.rows(auditor.account_id)
    spans = [span for part in parts for span in part.spans]
    refused = {code: sum(part.refused.get(code, 0) for part in parts) for part in parts for code in part.refused}
    wrong = [*auditor.wrong]
    if len(rows) != len(spans):
        wrong.append(f"{len(spans)} were admitted, and {len(rows)} have a row")
    if item["holds"]:
        wrong.append(f"{len(item['holds'])} holds, of ${held(item)}, are left")
    if item["total_left"] + spent(rows) != item["total_budget"]:
        wrong.append(f"${spent(rows)} spent and ${item['total_left']} left are not ${item['total_budget']}")
    return Race(
        name, seconds, len(spans), len(rows), refused, at_once(spans), auditor.most_holds, auditor.samples,
        auditor.exact, spent(rows), Decimal(item["total_left"]), wrong,
    )  # fmt: skip


def at_once(spans: Sequence[Span]) -> int:
    """The most of them that have a moment in common."""
    moments = sorted([(begin, 1) for begin, _ in spans] + [(end, -1) for _, end in spans])
    now = most = 0
    for _, step in moments:
        now += step
        most = max(most, now)
    return most


def _with(race: Race, wrong: Sequence[str]) -> Race:
    return Race(**{**vars(race), "wrong": wrong})


def _process(url: str, item: dict[str, Any], threads: int, stands_at: float | None, seed: int) -> Part:
    quiet()
    racers = [Racer(client(url), item, stands_at, random.Random(f"{seed}/{n}")) for n in range(threads)]  # noqa: S311
    running = [threading.Thread(target=racer.run) for racer in racers]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    refused = [code for racer in racers for code in racer.refused]
    return Part([span for racer in racers for span in racer.spans], {code: refused.count(code) for code in refused})


class Racer:
    """One thread: asks until it is told that there is no more, or for some seconds if it never is."""

    seconds = 4.0

    def __init__(self, db: Any, item: dict[str, Any], stands_at: float | None, chance: random.Random) -> None:
        self._item, self._chance = item, chance
        self._clock: Callable[[], float] = time.time if stands_at is None else lambda: stands_at
        self._ledger = ledger_of(db, self._clock)
        self.spans: list[Span] = []
        self.refused: list[str] = []

    def run(self) -> None:
        """All its requests."""
        most, ends = MOST, time.monotonic() + self.seconds
        while time.monotonic() < ends:
            cost = self._chance.randint(LEAST, most)
            try:
                self._request(Decimal(cost) / 1_000_000)
            except InsufficientQuota as error:
                self.refused.append(str(error.code))
                if cost == LEAST:
                    return
                most = LEAST
                ends = time.monotonic() + self.seconds
            except BudgetHeld as error:
                self.refused.append(str(error.code))
                ends = time.monotonic() + self.seconds
                time.sleep(self._chance.uniform(0, 0.02))
            except RateLimitExceeded as error:
                self.refused.append(str(error.code))
                if self._item["rpm_limit"] == MOST_RPM:
                    return
                time.sleep(self._chance.uniform(0, 0.02))
            except GatewayError as error:
                self.refused.append(str(error.code))

    def _request(self, cost: Decimal) -> None:
        now = self._clock()
        request_id = f"req_{self._item['id']}_{ULID()}"
        accounts = self._ledger.admit([self._item], request_id, Estimate(cost, 10), now + LIFETIME)
        admitted = time.time()
        time.sleep(self._chance.uniform(0, 0.01))
        actual = (cost * self._chance.randint(0, 1000) / 1000).quantize(Decimal("1e-12"))
        row = row_of(self._item["id"], request_id, now, actual, input_tokens=5, output_tokens=5)
        self.spans.append((admitted, time.time()))
        self._ledger.settle(accounts, row)
