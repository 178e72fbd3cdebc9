"""Settings are read whole at cold start; what is missing or wrong is named."""

import dataclasses

import pytest

from gateway.settings import Settings

ENV = {
    "STAGE": "dev",
    "ALLOWED_ORIGINS": "https://a.example, https://b.example",
    "LOG_PROMPTS": "true",
    "REQUEST_TIMEOUT_SECONDS": "27.5",
    "TOOL_ROUNDS": "4",
    "TOOL_CALLS": "8",
    "REQUEST_RETENTION_DAYS": "30",
    "KEYS_TABLE": "keys",
    "REQUESTS_TABLE": "requests",
    "USAGE_TABLE": "usage",
    "STATE_TABLE": "state",
    "PRODUCTS_TABLE": "products",
    "SEARCH_BUCKET": "search",
    "PROVIDERS_SECRET": "gateway/providers",
    "MODELS_PARAMETER": "/gateway/models",
}


def test_reads_every_setting() -> None:
    assert Settings.from_env(ENV) == Settings(
        stage="dev",
        allowed_origins=("https://a.example", "https://b.example"),
        log_prompts=True,
        request_timeout=27.5,
        tool_rounds=4,
        tool_calls=8,
        request_retention_days=30,
        keys_table="keys",
        requests_table="requests",
        usage_table="usage",
        state_table="state",
        products_table="products",
        search_bucket="search",
        providers_secret="gateway/providers",
        models_parameter="/gateway/models",
    )


@pytest.mark.parametrize("name", ENV)
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_variable_that_is_missing_or_empty_is_named(name: str, value: str | None) -> None:
    env = {n: v for n, v in ENV.items() if n != name} | ({} if value is None else {name: value})
    with pytest.raises(RuntimeError, match=f"environment variable {name} is not set"):
        Settings.from_env(env)


@pytest.mark.parametrize("name", ["REQUEST_TIMEOUT_SECONDS", "TOOL_ROUNDS", "TOOL_CALLS", "REQUEST_RETENTION_DAYS"])
@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan", "inf", "1e9", "0x10"])
def test_a_number_that_is_none_or_absurd_is_named(name: str, value: str) -> None:
    with pytest.raises(RuntimeError, match=f"{name} must be a positive number, not '{value}'"):
        Settings.from_env(ENV | {name: value})


@pytest.mark.parametrize("value", ["yes", "True", "1"])
def test_a_flag_is_true_or_false_to_the_letter(value: str) -> None:
    with pytest.raises(RuntimeError, match=f"LOG_PROMPTS must be true or false, not '{value}'"):
        Settings.from_env(ENV | {"LOG_PROMPTS": value})
    assert Settings.from_env(ENV | {"LOG_PROMPTS": "false"}).log_prompts is False


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings.from_env(ENV).stage = "prod"  # type: ignore[misc]
