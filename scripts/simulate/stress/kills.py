"""Thousands of requests in processes that are killed, and whether the accounts are exact in the end."""

import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from ulid import ULID

from gateway.holds import GRACE_SECONDS
from gateway.keys import ALPHABET
from gateway.ledger import Estimate
from gateway.request_log import ABANDONED
from local.console import Failure, Say
from simulate.endpoints import client
from simulate.stress.books import Books, Item, ledger_of, quiet, row_of, spent
from simulate.stress.race import context
from simulate.stress.worker import LIFETIME, SKEW_SECONDS, Clock, Job, work

SPEED = 60.0
BEGAN = 1_798_761_600.0
"""1 January 2027, at midnight in UTC: the day does not end in a run of 24 minutes."""
KEYS_OF_A_RUN = 4
BUDGET = Decimal(10_000)
PROGRESS_SECONDS = 10.0
DAY_SECONDS = 86_400


@dataclass
class Notes:
    """What the workers of one key noted: sets of request ids, and what each row was to cost.

    Attributes:
        asked, admitted, refused, unsure, done: unsure are those that were told 503: nobody knows what was written for them.
        kills: by where.
    """

    asked: set[str] = field(default_factory=set)
    admitted: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)
    killed: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    costs: dict[str, Decimal] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)

    def read(self, lines: Iterator[str]) -> None:
        """Add a slot's notes."""
        sets = {"ask": self.asked, "in": self.admitted, "done": self.done}
        for line in lines:
            what, request_id, more = line.rstrip("\n").split(" ", 2)
            if what == "no":
                (self.unsure if more == "service_unavailable" else self.refused).add(request_id)
            elif what == "row":
                self.costs[request_id] = Decimal(more)
            elif what == "kill":
                self.kills[more] += 1
                self.killed.add(request_id)
            else:
                sets[what].add(request_id)


@dataclass(frozen=True)
class Outcome:
    """What came of a run.

    Attributes:
        unsure: told 503; late: settled after they had been given up.
        wrong: the promises that were broken.
    """

    seconds: float
    asked: int
    admitted: int
    refused: int
    unsure: int
    killed: int
    rows: int
    abandoned: int
    late: int
    spent: Decimal
    rolled_up: Decimal
    gone: Decimal
    kills: Mapping[str, int]
    wrong: Sequence[str]

    def figures(self) -> dict[str, Any]:
        """For JSON."""
        return {name: str(value) if isinstance(value, Decimal) else value for name, value in asdict(self).items()}


def run(url: str, requests: int, parallel: int, kills: float, seed: int, say: Say) -> Outcome:
    """All requests, then one more of each key when all holds have died, then the audit.

    Args:
        parallel: workers at once.
        kills: the share of requests that end their process.
    """
    quiet()
    books, clock, started = Books(client(url)), Clock(time.time(), BEGAN, SPEED), time.time()
    keys, team = _accounts(books, seed, parallel)
    notes = {key["id"]: Notes() for key in keys}
    with tempfile.TemporaryDirectory() as folder:
        jobs = list[Job]()
        for slot in range(parallel):
            key, mine = keys[slot % len(keys)], requests // parallel + (slot < requests % parallel)
            accounts = [key, team] if key.get("team") else [key]
            jobs.append(Job(url, slot, Path(folder) / f"{slot}.notes", accounts, clock, mine, kills, seed))
        Shift(jobs).run(say)
        for job in jobs:
            with job.notes.open() as lines:
                notes[job.accounts[0]["id"]].read(lines)
    _one_more(books, clock, keys, team, notes, client(url))
    if clock.now() - BEGAN > DAY_SECONDS:
        raise Failure("The run took longer than a day of its clock: ask for fewer requests.")
    return _audited(started, books, notes, team)


def _accounts(books: Books, seed: int, parallel: int) -> tuple[list[Item], Item]:
    """Keys, every other one in the team, whose parallel limit is tight enough to refuse some."""
    chance = random.Random(f"{seed}/{time.time()}")  # noqa: S311 - no secret
    budgets = dict.fromkeys(("day_budget", "month_budget", "total_budget"), BUDGET)
    limits: dict[str, Any] = {"rpm_limit": 100_000, "tpm_limit": 10_000_000, **budgets}

    def name() -> str:
        return "".join(chance.choices(ALPHABET, k=12))

    team = books.open(f"team_{name()}", "team", BEGAN, **limits, max_parallel=max(1, parallel // 2 - 1))
    members = ({"team": team["id"]} if number % 2 else {} for number in range(KEYS_OF_A_RUN))
    return [books.open(name(), "key", BEGAN, **limits, max_parallel=10**3, **member) for member in members], team


class Shift:
    """Workers for every slot, one after the other until its requests are made."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self._working: dict[Any, tuple[Any, Job]] = {}

    def run(self, say: Say) -> None:
        """To the end of the last one."""
        told = time.monotonic()
        try:
            for job in self._jobs:
                self._start(job)
            while self._working:
                for sentinel in wait(list(self._working), timeout=PROGRESS_SECONDS):
                    self._ended(sentinel)
                if time.monotonic() - told > PROGRESS_SECONDS:
                    told = time.monotonic()
                    say(f"  {sum(map(_begun, self._jobs)):,} requests")
        finally:
            for process, _ in self._working.values():
                process.kill()
                process.join()

    def _start(self, job: Job) -> None:
        first = _begun(job)
        if first < job.requests:
            process = context().Process(target=work, args=(job, first))
            process.start()
            self._working[process.sentinel] = (process, job)

    def _ended(self, sentinel: Any) -> None:
        process, job = self._working.pop(sentinel)
        process.join()
        if process.exitcode not in (0, -signal.SIGKILL):
            raise Failure(f"A worker ended by itself, with {process.exitcode}.")
        self._start(job)


def _begun(job: Job) -> int:
    return job.notes.read_text().count("ask ") if job.notes.exists() else 0


def _one_more(
    books: Books, clock: Clock, keys: Sequence[Item], team: Item, notes: Mapping[str, Notes], db: Any
) -> None:
    """A request of each key, when every hold must have died: it finishes all that was left behind."""
    time.sleep((LIFETIME + GRACE_SECONDS + 2 + 2 * SKEW_SECONDS) / SPEED)
    for key in keys:
        ledger, now, request_id = ledger_of(db, clock.now), clock.now(), f"req_{key['id']}_{ULID()}"
        items = [books.item(key["id"]), *([books.item(team["id"])] if key.get("team") else [])]
        accounts = ledger.admit(items, request_id, Estimate(Decimal("0.01"), 1), now + LIFETIME)
        member = {"team": team["id"]} if key.get("team") else {}
        ledger.settle(accounts, row_of(key["id"], request_id, now, Decimal("0.005"), **member))
        noted = notes[key["id"]]
        for ids in (noted.asked, noted.admitted, noted.done):
            ids.add(request_id)
        noted.costs[request_id] = Decimal("0.005")


def _audited(started: float, books: Books, notes: Mapping[str, Notes], team: Item) -> Outcome:
    seconds = time.time() - started
    wrong, rows, of_team = list[str](), dict[str, Item](), dict[str, Item]()
    gone, late = Decimal(0), 0
    for key_id, noted in notes.items():
        item, own = books.item(key_id), books.rows(key_id)
        wrong += [*_compared(noted, own), *_sums(item, own)]
        late += len(_late(noted, own))
        gone += BUDGET - item["total_left"]
        rows |= own
        of_team |= own if item.get("team") else {}
    wrong += _sums(books.item(team["id"]), of_team)
    rolled_up = books.rolled_up(list(notes), started)
    if rolled_up != spent(rows):
        wrong.append(f"{rolled_up} was spent by the roll-ups, and {spent(rows)} by the rows")
    every = notes.values()
    return Outcome(
        seconds, sum(len(one.asked) for one in every), sum(len(one.admitted) for one in every),
        sum(len(one.refused) for one in every), sum(len(one.unsure) for one in every),
        sum(len(one.killed) for one in every), len(rows), len(_abandoned(rows)), late, spent(rows), rolled_up, gone,
        sum((one.kills for one in every), Counter()), wrong,
    )  # fmt: skip


def _abandoned(rows: Mapping[str, Item]) -> set[str]:
    return {name for name, row in rows.items() if row.get("error_code") == ABANDONED}


def _late(noted: Notes, rows: Mapping[str, Item]) -> set[str]:
    """Those that settled what had been given up already."""
    return _abandoned(rows) & noted.done


def _compared(noted: Notes, rows: Mapping[str, Item]) -> Iterator[str]:
    """Every admitted request has its row, and nobody else. Of the killed, and of those told 503, nobody knows: they may."""
    there, unknown = set(rows), noted.killed | noted.unsure
    if lost := noted.admitted - there:
        yield f"{len(lost)} admitted requests have no row, such as {min(lost)}"
    if strange := there - noted.admitted - unknown:
        yield f"{len(strange)} rows are of requests that were not admitted, such as {min(strange)}"
    if wrongly := _abandoned(rows) - unknown - _late(noted, rows):
        yield f"{len(wrongly)} rows say abandoned and nobody was killed, such as {min(wrongly)}"
    for name in noted.done - _abandoned(rows):
        if name in rows and rows[name]["cost_usd"] != noted.costs[name]:
            yield f"{name} cost {noted.costs[name]}, and its row says {rows[name]['cost_usd']}"


def _sums(item: Item, rows: Mapping[str, Item]) -> Iterator[str]:
    if item["holds"]:
        yield f"{item['id']} has {len(item['holds'])} holds left"
    for left in ("total_left", "month_left", "day_left"):
        if BUDGET - item[left] != spent(rows):
            yield f"{item['id']} spent {BUDGET - item[left]} by its {left}, and {spent(rows)} by its rows"
