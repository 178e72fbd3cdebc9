"""What has to hold, whatever the providers do; of each promise, the cases that break it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from simulate.chaos.providers import ANSWER, DYING, deployment
from simulate.chaos.records import Run, ended, marker_of


def no_client_saw_an_error(run: Run) -> Iterator[str]:
    """A healthy deployment could have answered every request."""
    rows = {marker_of(row): row for row in run.rows}
    for sent in run.sent:
        if sent.status != 200:
            told = sent.headers.get("x-gateway-attempts") or header(rows.get(sent.marker, {"attempts": []}))
            when = f"{sent.at - run.started:.1f} s ({run.phase(sent.at)}), after {sent.seconds:.1f} s"
            yield f"{sent.marker}, at {when}: {sent.status} {sent.error}; attempts: {told}"


def every_answer_is_its_requests_own(run: Run) -> Iterator[str]:
    """None is another request's, and no two are the same."""
    completions = Counter(sent.completion for sent in run.sent if sent.status == 200)
    for sent in run.sent:
        if sent.status == 200 and sent.content != f"You said: {sent.marker}":
            yield f"{sent.marker} was answered {sent.content!r}"
        if sent.status == 200 and completions[sent.completion] > 1:
            yield f"{sent.marker} got {sent.completion}, as {completions[sent.completion] - 1} others did"


def each_request_left_one_row(run: Run) -> Iterator[str]:
    """And there are no others."""
    found = Counter(map(marker_of, run.rows))
    for sent in run.sent:
        if found[sent.marker] != 1:
            yield f"{sent.marker} ({sent.status}) has {found[sent.marker]} rows"
    for unknown in found.keys() - {sent.marker for sent in run.sent}:
        yield f"{unknown} was not sent, and has a row"


def rows_tell_what_clients_were_told(run: Run) -> Iterator[str]:
    """The same status, id and attempts."""
    rows = {marker_of(row): row for row in run.rows}
    for sent in run.sent:
        if sent.marker not in rows or not sent.status:
            continue
        row = rows[sent.marker]
        in_row = (row["status"], row["request_id"], header(row))
        told = (sent.status, sent.headers.get("x-request-id"), sent.headers.get("x-gateway-attempts"))
        if in_row != told:
            yield f"{sent.marker}: the row says {in_row}, the client was told {told}"


def attempts_are_what_reached_the_providers(run: Run) -> Iterator[str]:
    """Except for connections that were refused by the dead one."""
    told = Counter((a.marker, a.deployment) for a in run.attempts)
    reached = Counter((call.marker, deployment(name)) for name, calls in run.calls.items() for call in calls)
    refused = _refused(run)
    for key in told.keys() | reached.keys():
        if not 0 <= told[key] - reached[key] <= refused[key]:
            yield f"{key[0]}: {reached[key]} calls reached {key[1]}, and {told[key]} are told"


def nothing_was_answered_twice(run: Run) -> Iterator[str]:
    """One whole answer of a provider for each request that was answered."""
    answers = Counter(c.marker for calls in run.calls.values() for c in calls if c.reply == ANSWER and c.delivered)
    for sent in run.sent:
        if answers[sent.marker] > 1 or (sent.status == 200 and not answers[sent.marker]):
            yield f"{sent.marker} ({sent.status}): providers gave {answers[sent.marker]} whole answers"


PROMISES: tuple[Callable[[Run], Iterator[str]], ...] = (
    no_client_saw_an_error,
    every_answer_is_its_requests_own,
    each_request_left_one_row,
    rows_tell_what_clients_were_told,
    attempts_are_what_reached_the_providers,
    nothing_was_answered_twice,
)


def broken(run: Run) -> dict[str, list[str]]:
    """By promise, the cases that break it; none if it holds."""
    return {promise.__name__.replace("_", " "): list(promise(run)) for promise in PROMISES}


def header(row: Mapping[str, Any]) -> str:
    """The x-gateway-attempts that a row's attempts make."""
    told = (f"{a['deployment']};outcome={a['outcome']};ms={a['ms']}" for a in row["attempts"])
    return ", ".join(told) or "none"


def _refused(run: Run) -> Counter[tuple[str, str]]:
    """How many calls of a request may have found no provider."""
    overlapping = {
        marker_of(row) for row in run.rows if ended(row) >= run.died and float(row["created_at"]) / 1000 <= run.back
    }
    unreached = (a for a in run.of(DYING) if a.unreached and a.marker in overlapping)
    return Counter((a.marker, a.deployment) for a in unreached if run.dead == "refuse")
