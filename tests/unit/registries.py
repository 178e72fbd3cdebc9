"""What tests of the registry are made of: data that is right, and ways to change it."""

import copy
from typing import Any

import pytest

from gateway.fields import WrongData
from gateway.registry import Registry

DATA: dict[str, Any] = {
    "updated": "2026-01-02",
    "providers": {
        "one": {"adapter": "local", "keyless": True},
        "two": {
            "adapter": "openai_compatible",
            "base_url": "https://two.example/v1",
            "api_key": "TWO_KEY",
            "base_url_override": "TWO_URL",
            "key_header": "Api-Key",
            "rename": {"seed": "random_seed"},
            "unsupported": ["logit_bias"],
            "developer_role": False,
        },
        "aws": {"adapter": "bedrock", "region": "AWS_PLACE", "keyless": True},
    },
    "models": {
        "a": {
            "strategy": "round_robin",
            "fallbacks": ["b"],
            "deployments": [
                {
                    "provider": "two",
                    "model": "x",
                    "weight": 2.5,
                    "priority": 1,
                    "price": {
                        "input": "2.5",
                        "output": 10,
                        "cache_read": 0.25,
                        "above": {"200000": {"input": "5", "output": "20"}},
                        "since": "2026-01-01",
                        "daily": ["16:30", "00:30"],
                    },
                    "context_window": 128000,
                    "max_output_tokens": 4096,
                    "capabilities": ["chat", "tools"],
                    "reasoning": "effort",
                    "timeout": 20,
                    "drop_params": ["seed"],
                    "unsupported": ["n"],
                },
                {"provider": "one", "model": "y", "drop_params": True},
            ],
        },
        "b": {"deployments": [{"provider": "aws", "model": "z", "price": [{"input": 1}], "dimensions": 256}]},
    },
}
Path = tuple[str | int, ...]


class _Missing:
    """Takes a value out; with a name that is the same in every process."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()


def changed(path: Path, value: Any) -> dict[str, Any]:
    """The data with one value changed, added, or taken out."""
    data = copy.deepcopy(DATA)
    target: Any = data
    for step in path[:-1]:
        target = target[step]
    if value is MISSING:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return data


def problem(data: Any) -> str:
    """What is wrong with the data."""
    with pytest.raises(WrongData) as caught:
        Registry(data)
    return str(caught.value)


def made(data: Any) -> Registry | str:
    """The registry, or what is wrong with the data."""
    try:
        return Registry(data)
    except WrongData as error:
        return str(error)


def model(*names: str, fallbacks: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    """A model of these deployments, all alike."""
    deployments = [{"provider": "one", "model": name, **fields} for name in names]
    return {"deployments": deployments, "fallbacks": list(fallbacks)}


def with_models(**models: dict[str, Any]) -> dict[str, Any]:
    return DATA | {"models": models}
