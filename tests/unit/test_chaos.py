"""scripts/chaos: its providers fail as told, and what breaks a promise is found."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import requests

from gateway.registry_source import build
from simulate.chaos.promises import broken
from simulate.chaos.providers import (
    ANSWER,
    CAST,
    DYING,
    FAULTS,
    MODEL,
    STALL,
    WARM,
    Call,
    Part,
    Provider,
    deployment,
    override,
)
from simulate.chaos.records import Run, Sent
from simulate.chaos.report import lines, percentile, summary
from tests.upstream.client import post, wait_until

HEALTHY = "healthy"
REFUSED = "The connection to the provider failed (ConnectionError)."
STARTED, DIED, BACK, ENDED = 1000.0, 1010.0, 1020.0, 1030.0


def attempt(provider: str, outcome: str = "ok", **more: Any) -> dict[str, Any]:
    return {"deployment": deployment(provider), "outcome": outcome, "ms": Decimal(100), **more}


def run_of(*requests: tuple[float, list[dict[str, Any]]]) -> Run:
    """A run in which all is well, of requests at these times with these attempts."""
    sent, rows = list[Sent](), list[dict[str, Any]]()
    calls: dict[str, list[Call]] = {name: [] for name in CAST}
    for number, (at, attempts) in enumerate(requests):
        marker, told = (
            f"request {number}",
            ", ".join(f"{a['deployment']};outcome={a['outcome']};ms=100" for a in attempts),
        )
        headers = {"x-request-id": f"req_{number}", "x-gateway-attempts": told, "x-gateway-overhead-ms": "5"}
        sent.append(Sent(marker, at, 0.1 * len(attempts), 200, headers, f"You said: {marker}", f"chatcmpl-{number}"))
        rows.append(
            {
                "client_request_id": marker,
                "request_id": f"req_{number}",
                "status": Decimal(200),
                "created_at": Decimal(round(at * 1000)),
                "latency_ms": Decimal(100 * len(attempts)),
                "attempts": attempts,
            }
        )
        for one in attempts:
            reply = ANSWER if one["outcome"] == "ok" else "HTTP 500"
            if one.get("reason") != REFUSED:
                calls[one["deployment"].partition("/")[0]].append(Call(at, marker, reply, delivered=True))
    return Run("refuse", STARTED, DIED, BACK, ENDED, sent, rows, calls)


GOOD = run_of(
    (1001, [attempt(DYING)]),
    (1011, [attempt(DYING, "upstream_error", reason=REFUSED), attempt(HEALTHY)]),
    (1013, [attempt(DYING, "upstream_error", reason=REFUSED), attempt("flaky", "upstream_error"), attempt(HEALTHY)]),
    (1015, [attempt(DYING, "upstream_error", reason=REFUSED, probe=True), attempt(HEALTHY)]),
    (1022, [attempt(DYING, probe=True)]),
    (1024, [attempt(DYING)]),
)


def names(run: Run) -> set[str]:
    return {promise for promise, cases in broken(run).items() if cases}


def test_a_run_in_which_all_is_well_breaks_no_promise() -> None:
    assert names(GOOD) == set()


def test_an_error_is_told_with_its_attempts() -> None:
    failed = replace(GOOD.sent[2], status=504, content=None, completion=None, error="too late")
    run = replace(GOOD, sent=[*GOOD.sent[:2], failed, *GOOD.sent[3:]])
    found = broken(run)
    (case,) = found["no client saw an error"]
    assert case.startswith("request 2, at 13.0 s (dead), after 0.3 s: 504 too late; attempts: dying/chaos;outcome=")
    assert found["rows tell what clients were told"]


@pytest.mark.parametrize("change", [{"content": "You said: request 5"}, {"completion": "chatcmpl-5"}])
def test_anothers_answer_is_found(change: Any) -> None:
    run = replace(GOOD, sent=[replace(GOOD.sent[0], **change), *GOOD.sent[1:]])
    assert names(run) == {"every answer is its requests own"}


@pytest.mark.parametrize(
    "rows",
    [GOOD.rows[1:], [*GOOD.rows, GOOD.rows[0]], [*GOOD.rows, {**GOOD.rows[0], "client_request_id": "nobody's"}]],
)
def test_rows_too_many_or_missing_are_found(rows: list[Any]) -> None:
    assert "each request left one row" in names(replace(GOOD, rows=rows))


def test_attempts_that_differ_from_the_header_are_found() -> None:
    row = {**GOOD.rows[0], "attempts": [attempt(DYING, ms=Decimal(101))]}
    assert names(replace(GOOD, rows=[row, *GOOD.rows[1:]])) == {"rows tell what clients were told"}


def test_a_call_that_no_row_tells_of_is_found() -> None:
    calls = {**GOOD.calls, "flaky": [*GOOD.calls["flaky"], Call(1001, "request 0", "HTTP 500")]}
    assert names(replace(GOOD, calls=calls)) == {"attempts are what reached the providers"}


def test_an_attempt_that_reached_nobody_is_found_unless_the_dead_one_refused_it() -> None:
    told = run_of((1001, [attempt(DYING, "upstream_error", reason=REFUSED), attempt(HEALTHY)]))
    assert names(told) == {"attempts are what reached the providers"}
    told = run_of((1011, [attempt("flaky", "upstream_error", reason=REFUSED), attempt(HEALTHY)]))
    assert names(told) == {"attempts are what reached the providers"}
    stalls = replace(run_of((1011, [attempt(DYING, "upstream_error", reason=REFUSED), attempt(HEALTHY)])), dead="stall")
    assert names(stalls) == {"attempts are what reached the providers"}


def test_a_second_whole_answer_is_found() -> None:
    calls = {**GOOD.calls, HEALTHY: [*GOOD.calls[HEALTHY], Call(1001, "request 0", ANSWER, delivered=True)]}
    assert "nothing was answered twice" in names(replace(GOOD, calls=calls))


def test_the_summary_tells_when_the_dead_one_was_left_and_used_again() -> None:
    found = summary(GOOD)
    told = {row["deployment"]: row for row in found["deployments"]}[deployment(DYING)]
    assert (told["calls"], told["failed"], told["calls_while_dead"], told["probes_while_dead"]) == (6, 3, 3, 1)
    assert (told["left_after"], told["used_again_after"]) == (3.0, 4.0)
    assert found["attempts"] == {"1": 3, "2": 2, "3": 1}
    assert [(row["phase"], row["requests"]) for row in found["requests"]] == [
        ("before", 1),
        ("dead", 3),
        ("after", 2),
        ("all", 6),
    ]
    assert found["held"]


def test_the_lines_say_what_was_broken() -> None:
    told = list(lines(summary(replace(GOOD, rows=GOOD.rows[1:]))))
    assert "BROKEN  each request left one row (1 times)" in told
    assert "        request 0 (200) has 0 rows" in told
    assert "held    nothing was answered twice" in told


def test_percentiles_are_values_that_were_seen() -> None:
    values = [float(n) for n in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.95, 1)] == [50, 95, 100]
    assert percentile([], 0.5) == 0


def test_the_models_are_right_and_the_dying_one_is_preferred() -> None:
    urls = {name: f"http://127.0.0.1:{9000 + n}" for n, name in enumerate((*CAST, WARM))}
    model = build(json.dumps(override(urls, "cost", 5))).models[MODEL]
    assert (model.strategy, model.deployments[0].name, model.deployments[0].timeout) == ("cost", deployment(DYING), 5)
    assert min(CAST, key=lambda name: Decimal(CAST[name].price)) == DYING


def drawn(seed: int, count: int) -> list[str]:
    provider = Provider("flaky", CAST["flaky"], seed)
    return [provider._drawn() for _ in range(count)]


def test_faults_are_drawn_by_the_seed() -> None:
    assert drawn(1, 100) == drawn(1, 100) != drawn(2, 100)
    many = drawn(1, 2000)
    assert set(many) == {ANSWER, *FAULTS}
    assert sum(reply != ANSWER for reply in many) / 2000 == pytest.approx(0.3, abs=0.04)


@pytest.mark.parametrize(("how", "error"), [("refuse", requests.ConnectionError), ("stall", requests.ReadTimeout)])
def test_a_provider_dies_and_comes_back(how: str, error: type[Exception]) -> None:
    with Provider(DYING, Part(0.0, 0.0, 0, "1"), 1) as provider:
        assert post(provider).status_code == 200
        provider.die(how)
        with pytest.raises(error):
            post(provider, timeout=0.2)
        provider.come_back()
        assert post(provider).json()["choices"][0]["message"]["content"] == "You said: hello there"
        wait_until(lambda: [call.reply for call in provider.calls if call.delivered] == [ANSWER] * 2)
        assert [call.marker for call in provider.calls if call.reply != STALL] == ["hello there"] * 2
