"""A process that makes one request after the other, until it is killed by one of them."""

import os
import random
import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from ulid import ULID

from gateway.errors import GatewayError
from gateway.ledger import Account, Estimate, Ledger
from simulate.endpoints import client
from simulate.stress.books import ledger_of, quiet, row_of
from simulate.stress.faults import MOMENTS, PLACES, Doom, FaultyClient

LIFETIME = 28
FAILING = 0.2
SKEW_SECONDS = 20
ESTIMATE = 20_000
"""Most of a hold, in millionths of a US dollar."""
Item = dict[str, Any]


@dataclass(frozen=True)
class Clock:
    """Time that goes faster, so that holds die soon.

    Attributes:
        real, began: when it was started, by the machine's clock, and what it said then.
    """

    real: float
    began: float
    speed: float

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.began + (time.time() - self.real) * self.speed


@dataclass(frozen=True)
class Job:
    """What a slot's worker is to do, and its successors.

    Attributes:
        notes: the file that it notes everything in before it goes on; a successor adds to it.
        accounts: the key's item and perhaps its team's.
        kills: the share of requests that end their process.
    """

    url: str
    slot: int
    notes: Path
    accounts: list[Item]
    clock: Clock
    requests: int
    kills: float
    seed: int


def work(job: Job, first: int) -> None:
    """All requests from a number on."""
    quiet()
    worker = Worker(job, first)
    for _ in range(first, job.requests):
        worker.request()


class Worker:
    """One process's life."""

    def __init__(self, job: Job, first: int) -> None:
        self._job = job
        self._chance = chance = random.Random(f"{job.seed}/{job.slot}/{first}")  # noqa: S311 - no secret
        self._notes = os.open(job.notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._client = FaultyClient(client(job.url), chance)
        self._skew = chance.uniform(-SKEW_SECONDS, SKEW_SECONDS)
        self._ledger: Ledger = ledger_of(self._client, self._now)
        self._known = job.accounts

    def _now(self) -> float:
        return self._job.clock.now() + self._skew

    def _note(self, what: str, request_id: str, more: object = "") -> None:
        """In one write, which outlives the process."""
        os.write(self._notes, f"{what} {request_id} {more}\n".encode())

    def request(self) -> None:
        """One, from its admission to its end, or its process's."""
        chance, now = self._chance, self._now()
        request_id = f"req_{self._known[0]['id']}_{ULID()}"
        self._client.doom = self._doom(request_id) if chance.random() < self._job.kills else None
        self._note("ask", request_id)
        estimate = Decimal(chance.randint(ESTIMATE // 2, ESTIMATE)) / 1_000_000
        self._client.stage = "admit"
        try:
            accounts = self._ledger.admit(self._known, request_id, Estimate(estimate, 100), now + LIFETIME)
        except GatewayError as error:
            self._note("no", request_id, error.code)
        else:
            self._note("in", request_id)
            self._known = [account.item for account in accounts]
            self._serve(accounts, request_id, now, estimate)
        if self._client.doom:
            self._client.doom.moment, self._client.doom.place = "at", "the end"
            self._client.doom.strike()

    def _serve(self, accounts: list[Account], request_id: str, now: float, estimate: Decimal) -> None:
        chance, doom = self._chance, self._client.doom
        time.sleep(chance.uniform(0, 0.005))
        if doom and doom.place == "upstream":
            doom.strike()
        fails = chance.random() < FAILING
        cost = Decimal(0) if fails and chance.random() < 0.5 else estimate * chance.randint(1, 1000) / 1000
        if fails and cost and chance.random() < 0.5:
            cost, fails = self._again(accounts, cost, estimate)
        row = row_of(accounts[0].id, request_id, now, cost, status=502 if fails else 200, input_tokens=60)
        team = {"team": accounts[1].id} if len(accounts) > 1 else {}
        self._client.stage = "settle"
        self._note("row", request_id, cost)
        self._ledger.settle(accounts, row | team)
        self._note("done", request_id)

    def _again(self, accounts: list[Account], cost: Decimal, estimate: Decimal) -> tuple[Decimal, bool]:
        """A second call, if it can be paid for."""
        try:
            self._ledger.cover(accounts, cost + estimate)
        except GatewayError:
            return cost, True
        return cost + estimate * self._chance.randint(1, 1000) / 1000, False

    def _doom(self, request_id: str) -> Doom:
        places = [place for place in PLACES if len(self._known) > 1 or "team" not in place]
        return Doom(
            self._chance.choice(places),
            self._chance.choice(MOMENTS),
            lambda where: self._note("kill", request_id, where),
        )
