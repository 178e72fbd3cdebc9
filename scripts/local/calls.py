"""Calls to 127.0.0.1, past any proxy that the user's shell names."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Answer:
    """Status 0 means that nobody answered."""

    status: int
    text: str

    def json(self) -> Any:
        """What it says, or None if it is not JSON."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None


def call(url: str, key: str = "", body: object = None, timeout: float = 60) -> Answer:
    """POST if there is a body, else GET; faults are answers too."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers)  # noqa: S310 - only ever http://127.0.0.1
    try:
        with _direct.open(request, timeout=timeout) as answer:
            return Answer(answer.status, answer.read().decode(errors="replace"))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read().decode(errors="replace"))
    except (OSError, ValueError) as error:
        return Answer(0, str(error))
