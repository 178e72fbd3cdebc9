"""scripts/start takes providers' keys from the shell, but not those that the shell holds for the gateway's clients."""

import json
from typing import Any

from local import providers


class Secret:
    """Secrets Manager, as far as `put` uses it."""

    def __init__(self, **entries: str) -> None:
        self.entries = entries
        self.writes = 0

    def get_secret_value(self, **_: Any) -> dict[str, str]:
        return {"SecretString": json.dumps(self.entries)}

    def put_secret_value(self, SecretString: str, **_: Any) -> None:  # noqa: N803 - AWS's name
        self.entries, self.writes = json.loads(SecretString), self.writes + 1


def test_what_is_exported_is_merged_and_told_without_its_value() -> None:
    secret = Secret(GROQ_API_KEY="kept")
    told = providers.put(secret, "s", {"OPENAI_API_KEY": "sk-secret", "UNRELATED": "x"})
    assert secret.entries == {"GROQ_API_KEY": "kept", "OPENAI_API_KEY": "sk-secret"}
    assert told == ["OPENAI_API_KEY taken from the environment"]


def test_what_is_exported_empty_is_removed() -> None:
    secret = Secret(OPENAI_API_KEY="old")
    assert providers.put(secret, "s", {"OPENAI_API_KEY": ""}) == ["OPENAI_API_KEY removed"]
    assert secret.entries == {}


def test_nothing_new_is_nothing_to_write() -> None:
    secret = Secret(OPENAI_API_KEY="same")
    assert providers.put(secret, "s", {"OPENAI_API_KEY": "same"}) == []
    assert secret.writes == 0


def test_the_gateways_own_address_and_key_are_left_alone() -> None:
    """The README tells to export them for Node's clients, in a shell that may start the gateway again."""
    shell = {
        "OPENAI_API_KEY": "sk-gw-EventsSample-x-y",
        "OPENAI_BASE_URL": "http://127.0.0.1:4566/_aws/execute-api/1/dev/api/v1",
    }
    secret = Secret(OPENAI_API_KEY="real")
    assert providers.put(secret, "s", shell) == []
    assert secret.entries == {"OPENAI_API_KEY": "real"}
    assert providers.own(shell) == ["OPENAI_API_KEY", "OPENAI_BASE_URL"]
