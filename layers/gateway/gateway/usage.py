"""Tokens, counted once, in buckets that do not overlap: each token is in one of them and is paid for once.

Providers count differently: OpenAI and Gemini have cached tokens inside their input, Anthropic and Bedrock outside;
Gemini has thoughts outside its output. Adapters bring them all to this form.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Usage:
    """Tokens as the provider counted them; None where it did not say.

    Attributes:
        input_tokens: read anew: neither from the provider's cache nor into it.
        cache_read_tokens: input that came out of the provider's cache.
        cache_write_tokens: input that was put into it.
        output_tokens: all that came out, reasoning included.
        cache_write_1h_tokens: the part of what was put into the cache that is kept for an hour, at a price of its own.
        reasoning_tokens: the part of the output that was reasoning.
        special: why list prices do not apply, such as "audio tokens"; None if they do.
    """

    input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    reasoning_tokens: int | None = None
    special: str | None = None

    @property
    def prompt_tokens(self) -> int | None:
        """All that went in, from whatever bucket; None if that is not known."""
        if self.input_tokens is None:
            return None
        return self.input_tokens + (self.cache_read_tokens or 0) + (self.cache_write_tokens or 0)

    def __add__(self, other: "Usage") -> "Usage":
        """Both together; what either does not say of a bucket is taken as nothing."""
        counts: dict[str, Any] = {name: _sum(getattr(self, name), getattr(other, name)) for name in COUNTS}
        return Usage(**counts, special=self.special or other.special)

    def to_openai(self) -> dict[str, Any] | None:
        """OpenAI's `usage`, in which cached tokens are inside `prompt_tokens`; None if the provider gave no counts."""
        prompt, completion = self.prompt_tokens, self.output_tokens
        if prompt is None or completion is None:
            return None
        usage: dict[str, Any] = {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        }
        read = {"cached_tokens": self.cache_read_tokens, "cache_write_tokens": self.cache_write_tokens}
        if told := {name: count for name, count in read.items() if count is not None}:
            usage["prompt_tokens_details"] = told
        if self.reasoning_tokens is not None:
            usage["completion_tokens_details"] = {"reasoning_tokens": self.reasoning_tokens}
        return usage


COUNTS = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
)
"""The counts of a Usage, in its order."""


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) + (other or 0)
