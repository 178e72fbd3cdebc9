"""What the template tells a function. The only reader of the environment."""

import functools
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """A function's configuration, frozen at cold start.

    Attributes:
        stage: the deployed stage, "dev" or "prod".
        allowed_origins: browser origins that may read answers; ("*",) means all.
        log_prompts: whether prompts, answers and texts that may quote them are logged.
        request_timeout: seconds after which the gateway stops waiting for providers.
        tool_rounds, tool_calls: the most answers of the model, and the most tools run, in one completion that runs tools.
        request_retention_days: how long a row of the Requests table lives.
        keys_table, requests_table, usage_table, state_table, products_table: names of the DynamoDB tables.
        search_bucket: name of the S3 bucket that has the search index.
        providers_secret: name of the Secrets Manager secret with the providers' keys.
        models_parameter: name of the SSM parameter that overrides models.json.
    """

    stage: str
    allowed_origins: tuple[str, ...]
    log_prompts: bool
    request_timeout: float
    tool_rounds: int
    tool_calls: int
    request_retention_days: int
    keys_table: str
    requests_table: str
    usage_table: str
    state_table: str
    products_table: str
    search_bucket: str
    providers_secret: str
    models_parameter: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read every setting, so that a wrong deployment fails at cold start and not at its first request.

        Raises:
            RuntimeError: a variable is missing or not of its type; the message names it.
        """
        return cls(
            stage=_text(env, "STAGE"),
            allowed_origins=tuple(origin.strip() for origin in _text(env, "ALLOWED_ORIGINS").split(",")),
            log_prompts=_flag(env, "LOG_PROMPTS"),
            request_timeout=_number(env, "REQUEST_TIMEOUT_SECONDS"),
            tool_rounds=math.ceil(_number(env, "TOOL_ROUNDS")),
            tool_calls=math.ceil(_number(env, "TOOL_CALLS")),
            request_retention_days=math.ceil(_number(env, "REQUEST_RETENTION_DAYS")),
            keys_table=_text(env, "KEYS_TABLE"),
            requests_table=_text(env, "REQUESTS_TABLE"),
            usage_table=_text(env, "USAGE_TABLE"),
            state_table=_text(env, "STATE_TABLE"),
            products_table=_text(env, "PRODUCTS_TABLE"),
            search_bucket=_text(env, "SEARCH_BUCKET"),
            providers_secret=_text(env, "PROVIDERS_SECRET"),
            models_parameter=_text(env, "MODELS_PARAMETER"),
        )


@functools.cache
def settings() -> Settings:
    """The settings of the running function."""
    return Settings.from_env(os.environ)


def _text(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "").strip()
    if not value:
        raise RuntimeError(f"The environment variable {name} is not set; template.yaml declares it.")
    return value


def _flag(env: Mapping[str, str], name: str) -> bool:
    value = _text(env, name)
    if value not in ("true", "false"):
        raise RuntimeError(f"The environment variable {name} must be true or false, not {value!r}.")
    return value == "true"


def _number(env: Mapping[str, str], name: str) -> float:
    value = _text(env, name)
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e6:
        raise RuntimeError(f"The environment variable {name} must be a positive number, not {value!r}.")
    return number
