"""The ledger: limits and budgets that hold exactly, whatever happens at once, and whoever is killed.

Before a request is served, what it may use up is set aside on the item of its key, and of its team (a hold). Afterwards its row
is written, which is the truth, and the hold is released by what the row says. Each step is one conditional write of one item, so
that repeating it changes nothing. Whoever finds a hold that outlived its request finishes it.
"""

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from gateway import dynamodb, holds, ledger_writes
from gateway.account_table import AccountTable
from gateway.accounts import UNLIMITED
from gateway.context import current
from gateway.deadline import TimeIsUp, run_within
from gateway.errors import InsufficientQuota, InvalidApiKey, RateLimitExceeded, ServiceUnavailable
from gateway.holds import Hold
from gateway.observability import count, logger
from gateway.refusals import refusal
from gateway.request_log import ABANDONED, Rows, rows
from gateway.settings import settings
from gateway.windows import minute_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MOST_TURNS = 12
"""Of an admission that others get in the way of: each turn was lost to a window's end or a change of the policy."""
MOST_CHANGES = 4
"""Of a key's policy, while one request is waiting to be admitted."""
ADMIT_SECONDS = 3.0
RELEASE_SECONDS = 1.2
REAP_SECONDS = 3.0
REPLAY_SECONDS = 120

Item = dict[str, Any]


class PolicyChanged(Exception):
    """The account is not what the caller knows of it.

    Attributes:
        item: what it is now.
    """

    def __init__(self, item: Item) -> None:
        super().__init__("the account's policy has changed")
        self.item = item


REFUSALS = (InvalidApiKey, InsufficientQuota, RateLimitExceeded, PolicyChanged)
"""What an admission ends in that has set no hold."""


@dataclass(frozen=True)
class Estimate:
    """The most that a request can use up.

    Attributes:
        cost: US dollars; tokens: by the usual estimate.
    """

    cost: Decimal
    tokens: int


@dataclass
class Account:
    """One account's part in a request: its item as it was last seen, and the hold on it."""

    item: Item
    name: str
    hold: Hold

    @property
    def id(self) -> str:
        """The key's, or the team's."""
        return str(self.item["id"])


class Ledger:
    """The Keys table as requests use it up.

    Args:
        table: its name.
        rows: the Requests table.
        client: gives the DynamoDB client.
        clock: tells the time, in seconds since the epoch.
        within: makes a call that may take so many seconds; TimeIsUp if it takes longer.
    """

    def __init__(
        self,
        table: str,
        rows: Rows,
        client: "Callable[[], DynamoDBClient]" = dynamodb.client,
        clock: Callable[[], float] = time.time,
        within: Callable[[float, Callable[[], Any]], Any] = run_within,
    ) -> None:
        self._accounts = AccountTable(table, client)
        self._rows = rows
        self._clock = clock
        self._within = within

    def admit(self, items: Sequence[Item], request_id: str, estimate: Estimate, deadline: float) -> list[Account]:
        """Set aside what a request may use up, on every account that it counts for: all, or none.

        Args:
            items: the accounts, each as it was last seen.
            deadline: when the request has ended, in seconds since the epoch.
        Raises:
            PolicyChanged: an account's policy is another one by now.
            InvalidApiKey: an account is not there any more.
            RateLimitExceeded, InsufficientQuota, BudgetHeld: an account has not enough left.
            ServiceUnavailable: the table does not answer.
        """
        admitted: list[Account] = []
        now = self._clock()
        try:
            for item in items:
                admit = functools.partial(self._admit, item, request_id, estimate, deadline, now)
                admitted.append(self._bounded(admit))
                self._tidy(admitted[-1], now)
        except Exception as error:
            if len(admitted) < len(items) and not isinstance(error, REFUSALS):  # and yet the hold may be there
                admitted.append(_presumed(items[len(admitted)], request_id, estimate, deadline))
            for account in admitted:
                self._release(account, 0, Decimal(0), requests=1)
            raise
        return admitted

    def _bounded(self, call: Callable[[], Account]) -> Account:
        try:
            admitted: Account = self._within(ADMIT_SECONDS, call)
        except TimeIsUp:
            raise _unavailable() from None
        return admitted

    def _admit(self, item: Item, request_id: str, estimate: Estimate, deadline: float, now: float) -> Account:
        name = holds.name_of(item["id"], request_id)
        minute, policy = minute_of(now), item["policy_no"]
        tokens = min(estimate.tokens, int(item["tpm_limit"]))
        may_reap = True
        for _ in range(MOST_TURNS):
            minute = max(minute, int(item["minute_no"]))  # a clock that is behind follows the others
            hold = Hold(int(deadline) + 1, tokens, estimate.cost, minute)
            held, found = self._accounts.update(item["id"], ledger_writes.admit(item, name, hold))
            if not found:
                raise InvalidApiKey
            known, item = item["minute_no"], found
            if held or name in item["holds"]:  # there already: our own write, repeated
                return Account(item, name, Hold.read(item["holds"][name]))
            if item["policy_no"] != policy:
                raise PolicyChanged(item)
            if item["minute_no"] == known:  # then it is no other's doing: something is not enough
                dead = _dead(item, now)
                if not (dead and may_reap):
                    raise refusal(item, hold, now)
                item, may_reap = self._reap(item, dead), False
        raise ServiceUnavailable("Too many requests of this key at once; try again.", retry_after=1)

    def cover(self, accounts: Sequence[Account], cost: Decimal, tokens: int = 0, spent: int = 0) -> None:
        """Make sure that so much is held for a request which goes on, on all of its accounts.

        Args:
            cost, tokens: of all that it has done and is about to do; as in admissions, all of a minute's tokens are enough,
                unless it has used up these itself.
            spent: the tokens of what it has done.
        Raises:
            InsufficientQuota, BudgetHeld, RateLimitExceeded: an account has not enough left.
            ServiceUnavailable: the table does not answer, or the hold is gone: somebody gave the request up.
        """
        for account in accounts:
            held, limit = account.hold, int(account.item["tpm_limit"])
            enough = held.tokens if limit >= UNLIMITED else max(held.tokens, min(tokens, max(limit, spent + 1)))
            new = replace(held, cost=max(held.cost, cost), tokens=enough)
            if new != held:
                try:
                    self._within(ADMIT_SECONDS, functools.partial(self._cover, account, new, self._clock()))
                except TimeIsUp:
                    raise _unavailable() from None

    def _cover(self, account: Account, new: Hold, now: float) -> None:
        for _ in range(MOST_TURNS):
            write = ledger_writes.extend(account.item, account.name, account.hold, new, minute_of(now))
            done, found = self._accounts.update(account.id, write)
            known, account.item = account.item, found or account.item
            if done or account.item["holds"].get(account.name) == new.text():
                account.hold = new
                return
            if account.item["holds"].get(account.name) != account.hold.text():
                raise ServiceUnavailable("The request took too long, and was given up.")
            if account.item["minute_no"] == known["minute_no"]:
                held = account.hold
                more = replace(new, cost=new.cost - held.cost, tokens=new.tokens - held.tokens)
                others = {name: text for name, text in account.item["holds"].items() if name != account.name}
                raise refusal(account.item | {"holds": others}, more, now, requests=0)
        raise ServiceUnavailable("Too many requests of this key at once; try again.", retry_after=1)

    def settle(self, accounts: Sequence[Account], row: Mapping[str, Any]) -> None:
        """Write a request's row, and release what it held by what the row says. Neither is done twice, however often asked.

        What cannot be written is logged whole; nothing is raised: the answer is there, and has been paid for.
        """
        kept = self._rows.put(row)
        if kept is not None and kept.get("error_code") == ABANDONED and row.get("error_code") != ABANDONED:
            self._rows.lost(row)  # scripts/replay-settlements puts it in the other's place
            row = kept
        for account in accounts:
            self._release(account, *used(row))

    def _release(self, account: Account, tokens: int, cost: Decimal, requests: int = 0) -> None:
        try:
            self._within(RELEASE_SECONDS, lambda: self._released(account, tokens, cost, requests))
        except (ServiceUnavailable, TimeIsUp):
            # The next request past the deadline finds the hold, and releases it by the row.
            logger.warning("hold left behind", account=account.id, hold=account.name)
            count("HoldLeftBehind")

    def _released(self, account: Account, tokens: int, cost: Decimal, requests: int) -> None:
        for _ in range(MOST_TURNS):
            write = ledger_writes.release(account.item, account.name, account.hold, tokens, cost, requests)
            done, item = self._accounts.update(account.id, write)
            if not item:
                return
            account.item = item
            if done or account.name not in item["holds"]:
                return
            account.hold = Hold.read(item["holds"][account.name])  # extended by a write whose answer was lost
        raise ServiceUnavailable("The account's windows change too often.")

    # Holds of requests that were killed.

    def reap(self, item: Item) -> Item:
        """Finish the requests that were killed: put the row of each that has none, and release its hold by what its row says.

        Returns:
            The item afterwards.
        """
        return self._reap(item, _dead(item, self._clock()))

    def _tidy(self, account: Account, now: float) -> None:
        """Finish what others left behind, as far as there is time; the next request does the rest."""

        def reap() -> None:
            account.item = self._reap(account.item, dead)

        if dead := _dead(account.item, now):
            try:
                self._within(REAP_SECONDS, reap)
            except (ServiceUnavailable, TimeIsUp):
                logger.warning("holds left behind", account=account.id, holds=len(dead))

    def _reap(self, item: Item, dead: Mapping[str, Hold]) -> Item:
        for name, hold in dead.items():
            owner, request_id = holds.request_of(item["id"], name)
            row = self._rows.abandon(owner, request_id, item.get("team") if item["id"] == owner else item["id"])
            account = Account(item, name, hold)
            self._released(account, *used(row), 0)
            item = account.item
            logger.warning("abandoned", abandoned=request_id, account=item["id"])
            count("Abandoned")
        return item

    def replay(self, row: Mapping[str, Any]) -> bool:
        """Settle a request whose row was lost, from the log line that carries it; once, however often asked.

        Returns:
            Whether the row was missing, or stood there as abandoned.
        Raises:
            ServiceUnavailable: a table does not answer; ask again.
        """
        accounts = [account_id for account_id in (row["owner"], row.get("team")) if account_id]
        if self._rows.is_abandoned(row["owner"], row["request_id"]):
            for account_id in accounts:
                self._hold_again(account_id, row)
        is_new = self._rows.restore(row)
        for account_id in accounts:
            item, name = self._accounts.item(account_id), holds.name_of(account_id, row["request_id"])
            if item and name in item["holds"]:
                self._released(Account(item, name, Hold.read(item["holds"][name])), *used(row), 0)
        return is_new

    def _hold_again(self, account_id: str, row: Mapping[str, Any]) -> None:
        """Take what was given back to an account when its request was given up: by a hold, so that it is taken once."""
        name, minute = holds.name_of(account_id, row["request_id"]), minute_of(int(row["created_at"]) / 1000)
        until = int(self._clock()) + REPLAY_SECONDS  # nobody else is to end it
        hold, item = Hold(until, 0, used(row)[1], minute), self._accounts.item(account_id)
        for _ in range(MOST_TURNS):
            if not item or name in item["holds"]:
                return
            done, item = self._accounts.update(account_id, ledger_writes.hold_again(item, name, hold))
            if done:
                return
        raise ServiceUnavailable("The account's windows change too often.")


@functools.cache
def ledger() -> Ledger:
    """The instance's ledger."""
    return Ledger(settings().keys_table, rows(), clock=lambda: current().deadline.now())


def used(row: Mapping[str, Any]) -> tuple[int, Decimal]:
    """The tokens and the US dollars that a row is charged with."""
    counts = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
    return sum(int(row.get(name) or 0) for name in counts), Decimal(row.get("cost_usd") or 0)


def _presumed(item: Item, request_id: str, estimate: Estimate, deadline: float) -> Account:
    """What may be there of an admission of which nobody knows what came of it; the release finds out."""
    hold = Hold(int(deadline) + 1, estimate.tokens, estimate.cost, int(item["minute_no"]))
    return Account(item, holds.name_of(item["id"], request_id), hold)


def _dead(item: Item, now: float) -> dict[str, Hold]:
    return {name: hold for name, hold in holds.of(item).items() if hold.is_dead(now)}


def _unavailable() -> ServiceUnavailable:
    return ServiceUnavailable("The gateway's database does not answer; try again.", retry_after=1)
