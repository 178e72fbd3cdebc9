"""A DynamoDB client whose answers get lost, and whose caller is killed at a chosen moment."""

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ReadTimeoutError

from simulate.endpoints import KEYS

REPEATED, LOST, STILL_LOST = 0.05, 0.02, 0.5
"""How many calls are made twice; how many are made and not answered, and of their repeats."""
CALL_SECONDS = 0.005
"""A kill in mid-call comes within so long."""
PLACES = ("admit key", "admit team", "upstream", "row", "settle key", "settle team")
MOMENTS = ("before", "during", "after")


@dataclass
class Doom:
    """Where a request is killed: before, during or after a step; with its process."""

    place: str
    moment: str
    tell: Callable[[str], None]

    def strike(self) -> None:
        """Now."""
        self.tell(f"{self.moment} {self.place}")
        os.kill(os.getpid(), signal.SIGKILL)

    def strike_soon(self, chance: random.Random) -> None:
        """While the call that follows is under way, or just after."""
        seconds = chance.uniform(0, CALL_SECONDS)

        def wait() -> None:
            time.sleep(seconds)
            self.strike()

        threading.Thread(target=wait, daemon=True).start()


@dataclass
class FaultyClient:
    """The calls that the ledger makes of a boto3 client.

    Attributes:
        stage: what the request is at: "admit" or "settle".
        doom: of the present request, if it has one.
    """

    db: Any
    chance: random.Random
    stage: str = ""
    doom: Doom | None = None
    _losing: bool = field(default=False)

    def update_item(self, **arguments: Any) -> Any:
        """As boto3's, made perhaps twice, and perhaps without an answer."""
        account = "team" if arguments["Key"]["id"]["S"].startswith("team_") else "key"
        place = f"{self.stage} {account}"
        lost = self.chance.random() < (STILL_LOST if self._losing else LOST)
        self._losing = lost
        try:
            return self._at(place, lambda: self._twice(lambda: self.db.update_item(**arguments)))
        finally:
            if lost:  # whatever was answered
                raise ReadTimeoutError(endpoint_url=KEYS)

    def put_item(self, **arguments: Any) -> Any:
        """As boto3's, made perhaps twice."""
        place = "row" if self.stage == "settle" else "reap"
        return self._at(place, lambda: self._twice(lambda: self.db.put_item(**arguments)))

    def _at(self, place: str, call: Callable[[], Any]) -> Any:
        """A step, or the end."""
        doom = self.doom if self.doom and self.doom.place == place else None
        if doom and doom.moment == "before":
            doom.strike()
        if doom and doom.moment == "during":
            doom.strike_soon(self.chance)
        try:
            return call()
        finally:
            if doom:
                time.sleep(CALL_SECONDS * (doom.moment == "during"))
                doom.strike()

    def _twice(self, call: Callable[[], Any]) -> Any:
        if self.chance.random() < REPEATED:
            with contextlib.suppress(self.db.exceptions.ConditionalCheckFailedException):
                call()  # as if nobody had heard
        return call()
