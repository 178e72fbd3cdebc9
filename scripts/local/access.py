"""Keys for the local gateway, kept in gateway.json; nothing is believed that a real call has not just shown."""

import json
import os
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gateway import key_store, keys
from local.calls import Answer, call
from local.console import Failure

MODEL = "local/chat"
SCOPES = {"api_key": ["inference", "products"], "admin_key": ["admin", "inference", "products"]}


@dataclass(frozen=True)
class Access:
    """What a client needs."""

    base_url: str
    api_key: str
    admin_key: str

    def save(self, file: Path) -> None:
        """Readable by its owner alone from its first byte on, and never half written."""
        draft = file.with_suffix(".tmp")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
            output.write(json.dumps(asdict(self), indent=2) + "\n")
        draft.replace(file)


def load(file: Path, base_url: str) -> Access | None:
    """The recorded keys, if there are any; the recorded address may be of an older deployment."""
    try:
        recorded = json.loads(file.read_text())
        return Access(base_url, str(recorded["api_key"]), str(recorded["admin_key"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def create(db: Any, table: str, base_url: str) -> Access:
    """New keys."""
    made = {
        name: key_store.create_key(db, table, name=f"local {name}", scopes=scopes, now=time.time())
        for name, scopes in SCOPES.items()
    }
    return Access(base_url, **made)


def grant(db: Any, table: str, access: Access) -> bool:
    """Give the keys the scopes that they lack: those made before there were products have none for them. Says whether any did."""
    changed = False
    for name, scopes in SCOPES.items():
        key_id, _ = keys.parse(getattr(access, name))
        has = key_store.get(db, table, "key", key_id)["scopes"]
        if not set(scopes) <= set(has):
            key_store.change(db, table, "key", key_id, {"scopes": sorted({*scopes, *has})})
            changed = True
    return changed


def are_known(access: Access) -> bool:
    """Whether the gateway takes both keys. Anything but yes and no is a fault to be told."""
    statuses = [
        _expect(call(f"{access.base_url}/models", key), "GET /models", {200, 401, 403}).status
        for key in (access.api_key, access.admin_key)
    ]
    return statuses == [200, 200]


def prove(access: Access) -> str:
    """What a user's first call would do. Returns the gateway's version."""
    health = _expect(call(f"{access.base_url}/health"), "GET /health", {200})
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}
    answer = call(f"{access.base_url}/chat/completions", access.api_key, body)
    completion = _expect(answer, "POST /chat/completions", {200})
    try:
        completion.json()["choices"][0]["message"]["content"]
        return str(health.json()["version"])
    except (TypeError, KeyError, IndexError):
        raise Failure(f"The gateway's answer is none: {_sentence(completion.text)}") from None


def curl(access: Access) -> str:
    """A first call, to be pasted."""
    return (
        f"curl {access.base_url}/chat/completions \\\n"
        f"  -H 'Authorization: Bearer {access.api_key}' -H 'Content-Type: application/json' \\\n"
        f'  -d \'{{"model": "{MODEL}", "messages": [{{"role": "user", "content": "Hello"}}]}}\''
    )


def search_curl(access: Access) -> str:
    """A first search, with two typos that it corrects."""
    query = "wireles+noise+canceling+hedphones"
    return f"curl '{access.base_url}/products/search?q={query}&max_price=10000' \\\n  -H 'Authorization: Bearer {access.api_key}'"


def _expect(answer: Answer, what: str, statuses: set[int]) -> Answer:
    if answer.status in statuses:
        return answer
    if answer.status == 0:
        raise Failure(f"{what} was not answered: {answer.text}")
    raise Failure(f"{what} answered {answer.status}: {_sentence(answer.text)}")


def _sentence(text: str) -> str:
    """The message within an answer, however wrapped: our own error's, or that of a function that could not start."""
    try:
        content = json.loads(text)
    except ValueError:
        return re.sub(r"\s+", " ", text).strip()[:1000]
    for name in ("error", "message", "errorMessage"):
        if isinstance(content, dict) and content.get(name):
            inner = content[name]
            return _sentence(inner if isinstance(inner, str) else json.dumps(inner))
    return text[:1000]
