"""A key's form: a mistyped or cut one is refused before any table is asked."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.accounts import LEFT, LIMITS, UNLIMITED
from gateway.errors import InvalidApiKey
from gateway.key_store import new_key
from gateway.keys import checksum, hash_secret, parse
from tests.unit.builders import caught_from

BASE62 = string.ascii_letters + string.digits
IDS = st.text(BASE62, min_size=12, max_size=12)
SECRETS = st.text(BASE62, min_size=32, max_size=32)


def key(key_id: str = "a" * 12, secret: str = "B" * 32) -> str:
    return f"sk-gw-{key_id}-{secret}-{checksum(key_id + secret)}"


@given(IDS, SECRETS)
def test_a_key_s_id_and_secret_are_read_back(key_id: str, secret: str) -> None:
    assert parse(key(key_id, secret)) == (key_id, secret)


@given(IDS, SECRETS, st.integers(0, 57), st.characters())
def test_any_single_changed_character_is_noticed(key_id: str, secret: str, place: int, character: str) -> None:
    good = key(key_id, secret)
    assert len(good) == 58
    changed = good[:place] + character + good[place + 1 :]
    if changed != good:
        caught_from(lambda: parse(changed), InvalidApiKey)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "garbage",
        "sk-gw-",
        "sk-proj-0123456789",
        key()[:-1],
        key() + "0",
        key() + "\n",
        " " + key(),
        key().upper(),
        key().replace("-", "_"),
        "sk-gw-" + "١" * 12 + key()[18:],
        "x" * 1_000_000,
    ],
)
def test_what_is_no_key_is_refused_in_one_text(token: str) -> None:
    error = caught_from(lambda: parse(token), InvalidApiKey)
    assert (error.status, error.code, error.message) == (401, "invalid_api_key", InvalidApiKey().message)


@given(st.text())
def test_a_checksum_is_six_base62_digits(text: str) -> None:
    found = checksum(text)
    assert len(found) == 6
    assert set(found) <= set(BASE62)


def test_a_checksum_stays_what_it_was_for_keys_that_are_out_there() -> None:
    assert (checksum(""), checksum("a" * 12 + "B" * 32)) == ("000000", "2UKpdW")


def test_a_new_item_has_every_counter_and_no_secret() -> None:
    item = new_key("id", "name", ["inference"], hash_secret("s"), now=125.9)
    assert {item[name] for name in (*LIMITS, *LEFT.values())} == {UNLIMITED}
    assert (item["minute_no"], item["created_at"], item["holds"], item["key_status"]) == (2, 125, {}, "active")
    assert item["secret_hash"] == "043a718774c572bd8a25adbeb1bfcd5c0256ae11cecf9f9c3f925d0e52beaf89"
