"""Clients: requests from several threads, each with a connection of its own."""

import itertools
import threading
import time
from collections.abc import Sequence
from typing import Any

import requests

from local.access import Access
from simulate.chaos.records import Sent

PATIENCE = 40.0
"""Seconds; API Gateway itself gives up after 29."""


class Clients:
    """Threads that send numbered requests, one after the other, until all are sent.

    Attributes:
        sent: the requests that were answered, or will not be.
    """

    def __init__(self, access: Access, model: str, count: int, parallel: int) -> None:
        self.sent: list[Sent] = []
        self._access, self._model, self._count = access, model, count
        self._numbers = itertools.count()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(parallel)]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Send no more."""
        self._stopping.set()

    @property
    def working(self) -> bool:
        """Whether there is something left to send, or to wait for."""
        return any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while not self._stopping.is_set() and (number := next(self._numbers)) < self._count:
                self.sent.append(_ask(session, self._access, self._model, f"request {number:05}"))


def once(access: Access, model: str, parallel: int) -> Sequence[Sent]:
    """One request from each of so many clients, all at once."""
    clients = Clients(access, model, parallel, parallel)
    clients.start()
    while clients.working:
        time.sleep(0.05)
    return clients.sent


def _ask(session: requests.Session, access: Access, model: str, marker: str) -> Sent:
    headers = {"authorization": f"Bearer {access.api_key}", "x-client-request-id": marker}
    body = {"model": model, "messages": [{"role": "user", "content": marker}]}
    at, started = time.time(), time.monotonic()
    try:
        answer = session.post(f"{access.base_url}/chat/completions", json=body, headers=headers, timeout=PATIENCE)
    except requests.RequestException as error:
        return Sent(marker, at, time.monotonic() - started, 0, error=f"{type(error).__name__}: {error}")
    seconds = time.monotonic() - started
    told = {name.lower(): value for name, value in answer.headers.items()}
    try:
        return Sent(marker, at, seconds, answer.status_code, told, **_read(answer.json()))
    except (ValueError, LookupError, TypeError, AttributeError):
        return Sent(marker, at, seconds, answer.status_code, told, error=answer.text[:300])


def _read(body: Any) -> dict[str, Any]:
    if "error" in body:
        return {"error": str(body["error"]["message"])}
    (choice,) = body["choices"]
    return {"content": choice["message"]["content"], "completion": body["id"]}
