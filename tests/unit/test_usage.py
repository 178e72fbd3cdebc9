"""Tokens are in one bucket each, and add up to what OpenAI's format says of them."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CompletionUsage

from gateway.providers.openai_compatible import usage_of
from gateway.usage import COUNTS, Usage

TOKENS = st.none() | st.integers(0, 10**9)
USAGES = st.builds(Usage, **dict.fromkeys(COUNTS, TOKENS))


def test_openai_s_format_has_cached_tokens_inside_the_prompt() -> None:
    usage = Usage(input_tokens=10, cache_read_tokens=20, cache_write_tokens=30, output_tokens=5, reasoning_tokens=4)
    assert usage.to_openai() == {
        "prompt_tokens": 60,
        "completion_tokens": 5,
        "total_tokens": 65,
        "prompt_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 30},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }


def test_what_the_provider_did_not_count_is_not_told() -> None:
    assert Usage().to_openai() is None
    assert Usage(input_tokens=1).to_openai() is None
    assert Usage(output_tokens=1).to_openai() is None
    assert Usage(input_tokens=1, output_tokens=2).to_openai() == {
        "prompt_tokens": 1,
        "completion_tokens": 2,
        "total_tokens": 3,
    }


def test_every_number_is_among_the_counts() -> None:
    assert [field.name for field in fields(Usage)] == [*COUNTS, "special"]


def test_an_explicit_zero_is_a_count() -> None:
    usage = Usage(input_tokens=0, cache_read_tokens=0, output_tokens=0, reasoning_tokens=0).to_openai()
    assert usage is not None
    assert usage["completion_tokens_details"] == {"reasoning_tokens": 0}
    assert usage["prompt_tokens_details"] == {"cached_tokens": 0}


@given(USAGES)
def test_openai_s_client_reads_every_usage_and_it_comes_back_as_it_was(usage: Usage) -> None:
    told = usage.to_openai()
    if told is not None:
        CompletionUsage.model_validate(told, strict=True)
        back = usage_of({"usage": told})
        assert (back.prompt_tokens, back.output_tokens) == (usage.prompt_tokens, usage.output_tokens)
        assert (back.cache_read_tokens, back.cache_write_tokens) == (usage.cache_read_tokens, usage.cache_write_tokens)


@given(USAGES, USAGES)
def test_two_usages_together_are_the_sums_of_their_buckets(one: Usage, other: Usage) -> None:
    both = one + other
    for name in COUNTS:
        values = [value for value in (getattr(one, name), getattr(other, name)) if value is not None]
        assert getattr(both, name) == (sum(values) if values else None)


def test_what_is_special_of_either_is_special_of_both() -> None:
    assert (Usage(special="audio tokens") + Usage()).special == "audio tokens"
    assert (Usage() + Usage(special="fast")).special == "fast"


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 100, "completion_tokens": 5}, Usage(100, None, None, 5)),
        (
            {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 60}},
            Usage(40, 60, None, 5),
        ),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
            },
            Usage(10, 60, 30, 5),
        ),
        # DeepSeek's own names.
        (
            {"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 2},
            Usage(2, 8, None, 5),
        ),
        # Moonshot's.
        ({"prompt_tokens": 10, "completion_tokens": 5, "cached_tokens": 4}, Usage(6, 4, None, 5)),
        # More cached than asked: they can only have been counted outside.
        (
            {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 90}},
            Usage(10, 90, None, 5),
        ),
        # xAI counts reasoning outside the completion, and its total tells.
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 115,
                "completion_tokens_details": {"reasoning_tokens": 100},
            },
            Usage(10, None, None, 105, reasoning_tokens=100),
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 105,
                "total_tokens": 115,
                "completion_tokens_details": {"reasoning_tokens": 100},
            },
            Usage(10, None, None, 105, reasoning_tokens=100),
        ),
    ],
)
def test_counts_of_those_who_speak_openai_s_protocol_are_told_apart(usage: dict[str, int], expected: Usage) -> None:
    assert usage_of({"usage": usage}) == expected


@pytest.mark.parametrize(
    ("body", "special"),
    [
        ({"service_tier": "flex"}, "service tier flex"),
        ({"service_tier": "priority"}, "service tier priority"),
        ({"service_tier": "default"}, None),
        ({"service_tier": None}, None),
        ({"service_tier": {"x": 1}}, "service tier None"),
        ({"usage": {"prompt_tokens_details": {"audio_tokens": 3}}}, "audio tokens"),
        ({"usage": {"completion_tokens_details": {"audio_tokens": 3}}}, "audio tokens"),
        ({"usage": {"completion_tokens_details": {"audio_tokens": 0}}}, None),
    ],
)
def test_what_list_prices_do_not_cover_is_special(body: dict[str, object], special: str | None) -> None:
    assert usage_of(dict(body)).special == special
