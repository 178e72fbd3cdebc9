"""The scripted provider runs by itself and is scripted over HTTP, for tests in other processes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.upstream import Upstream
from tests.upstream.client import HELLO, assert_silent, dial, post, read_all, read_until, send

ROOT = Path(__file__).resolve().parents[2]
KEYS: list[dict[str, str]] = [{"Authorization": "Bearer k"}, {}]


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


def control(url: str, name: str, body: object = None) -> Any:
    method = "GET" if name == "requests" else "POST"
    return requests.request(method, f"{url}/_control/{name}", json=body, timeout=5)


def test_replies_can_be_scripted_and_requests_read_over_http(upstream: Upstream) -> None:
    then = [{"do": "truncated", "length": 3}, {"do": "with_headers", "headers": {"A": "b"}}]
    replies = [{"reply": "raw", "body": {"base64": "AAEC/w=="}, "then": then}, {"reply": "rate_limited"}, {}]
    assert control(upstream.url, "enqueue", replies).json() == {"enqueued": 3}
    control(upstream.url, "enqueue", {"reply": "json", "body": {"ok": True}})
    answers = [post(upstream) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 429, 200, 200]
    assert (answers[0].content, answers[0].headers["a"]) == (b"\x00\x01\x02", "b")
    assert answers[3].json() == {"ok": True}
    recorded = control(upstream.url, "requests").json()
    assert len(recorded) == 4
    assert recorded[0]["json"] == json.loads(recorded[0]["body"]) == HELLO
    assert recorded[0]["path"] == "/v1/chat/completions"


def test_a_stall_can_be_scripted_and_released_over_http(upstream: Upstream) -> None:
    step = {"do": "stalled", "at": {"utf8": "lo"}}
    control(upstream.url, "enqueue", {"reply": "raw", "body": "hello", "then": [step, {"do": "cut", "at": "end"}]})
    with dial(upstream) as sock:
        send(sock)
        read_until(sock, b"hello")
        assert_silent(sock)
        control(upstream.url, "release")
        assert read_all(sock) == b""


def test_the_default_can_be_set_and_all_be_cleared_over_http(upstream: Upstream) -> None:
    control(upstream.url, "default", {"reply": "error", "status": 500})
    assert [post(upstream).status_code for _ in range(2)] == [500, 500]
    control(upstream.url, "clear")
    assert post(upstream).status_code == 200
    assert len(control(upstream.url, "requests").json()) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"reply": "eror"}, "'eror' is none of: default, json"),
        ({"reply": "error"}, "status"),
        ({"then": [{"do": "explode"}]}, "'explode' is none of"),
        (["text"], "has to be an object"),
        (None, "has to be an object"),
    ],
)
def test_a_mistake_in_a_control_request_is_explained(upstream: Upstream, body: object, said: str) -> None:
    response = control(upstream.url, "enqueue", body)
    assert response.status_code == 400
    assert said in response.json()["error"]


def test_an_unknown_control_path_lists_those_that_exist(upstream: Upstream) -> None:
    response = control(upstream.url, "explode")
    assert response.status_code == 404
    assert "POST /_control/enqueue" in response.json()["error"]


def run(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.upstream", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_it_runs_by_hand_until_told_to_end() -> None:
    with run("--port", "0", "--api-key", "k") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = line.split()[-1].removesuffix("/_control/")
        statuses = [requests.get(f"{url}/v1/models", headers=h, timeout=5).status_code for h in KEYS]
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(5) == 0
    assert statuses == [200, 401]


def test_it_explains_itself_and_a_port_that_is_taken(upstream: Upstream) -> None:
    out, _ = run("--help").communicate(timeout=10)
    assert "--api-key" in out
    assert "POST enqueue" in out
    taken = run("--port", upstream.url.rpartition(":")[2])
    _, error = taken.communicate(timeout=10)
    assert (taken.returncode, error.count("\n")) == (1, 1)
    assert error.startswith("Cannot listen on 127.0.0.1:")
