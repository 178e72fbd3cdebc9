"""The providers' keys, from the user's environment into the local secret."""

import json
from collections.abc import Mapping
from typing import Any

from local.envs import ROOT

MODELS = ROOT / "layers" / "gateway" / "gateway" / "models.json"


def variables() -> list[str]:
    """Every variable that models.json names for a provider."""
    providers = json.loads(MODELS.read_text())["providers"].values()
    names = {provider.get(field) for provider in providers for field in ("api_key", "base_url_override", "region")}
    return sorted(name for name in names if name)


def put(secrets: Any, secret: str, environment: Mapping[str, str]) -> list[str]:
    """Merge what is exported into the secret; exported empty removes. Returns what changed, never the values."""
    before = json.loads(secrets.get_secret_value(SecretId=secret)["SecretString"])
    left_out = own(environment)
    exported = {name: environment[name] for name in variables() if name in environment and name not in left_out}
    after = {name: value for name, value in (before | exported).items() if value}
    if after != before:
        secrets.put_secret_value(SecretId=secret, SecretString=json.dumps(after))
    return [_told(name, after) for name in exported if after.get(name) != before.get(name)]


def own(environment: Mapping[str, str]) -> list[str]:
    """Variables that hold a gateway's own address or key: they are exported for clients, which use the same names.

    A gateway that was its own provider would ask itself until its time is up.
    """
    exported = {name: environment.get(name, "") for name in variables()}
    return [name for name, value in exported.items() if value.startswith("sk-gw-") or "/_aws/execute-api/" in value]


def _told(name: str, after: Mapping[str, str]) -> str:
    return f"{name} taken from the environment" if name in after else f"{name} removed"
