"""`sam local start-api`: the same routes in Lambda's own containers, on the same tables."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

import openai
import pytest
import requests

from local import build, envs
from tests.e2e.conftest import Gateway, free_port

IMAGE = f"public.ecr.aws/lambda/python:3.13-{build.architecture()}"


def has_image() -> bool:
    try:
        return subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


pytestmark = pytest.mark.skipif(not has_image(), reason=f"needs Docker and the image {IMAGE}")


@pytest.fixture(scope="module")
def base_url(gateway: Gateway) -> Iterator[str]:
    port = free_port()
    command = [str(envs.ROOT / "scripts" / "start-api"), "--home", str(gateway.platform.home), "--port", str(port)]
    log = (gateway.platform.home / "start-api.out").open("w+")
    with log, subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True) as process:
        try:
            _await_port(port, process)
            yield f"http://127.0.0.1:{port}/api/v1"
        finally:
            os.kill(process.pid, signal.SIGTERM)
            process.wait(60)
            log.seek(0)
            print(log.read())  # noqa: T201 - pytest shows it when a test fails


def _await_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 180
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("sam local start-api does not listen")


def test_a_completion_is_answered_and_its_row_is_in_the_same_table(gateway: Gateway, base_url: str) -> None:
    with openai.OpenAI(base_url=base_url, api_key=gateway.access.api_key) as client:
        ask = client.chat.completions.with_raw_response.create
        raw = ask(model="local/chat", messages=[{"role": "user", "content": "Hello"}])
        assert raw.parse().choices[0].message.content == "You said: Hello"
        assert gateway.row(raw.headers["x-request-id"])["status"] == 200
        stream = client.chat.completions.create(
            model="local/chat", messages=[{"role": "user", "content": "Hello"}], stream=True
        )
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "You said: Hello"


def test_the_other_routes_answer_too(gateway: Gateway, base_url: str) -> None:
    headers = {"Authorization": f"Bearer {gateway.access.api_key}"}
    assert requests.get(f"{base_url}/health", timeout=60).json()["status"] == "ok"
    assert len(requests.get(f"{base_url}/models", headers=headers, timeout=60).json()["data"]) > 1
    model = requests.get(f"{base_url}/models/openai%2Fgpt-4o", headers=headers, timeout=60).json()
    assert (model["id"], model["configured"]) == ("openai/gpt-4o", True)
    prompt = {"model": "local/chat", "prompt": "Hello"}
    legacy = requests.post(f"{base_url}/completions", json=prompt, headers=headers, timeout=60)
    assert legacy.json()["object"] == "text_completion"
    unknown = requests.put(f"{base_url}/nope", timeout=60)
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_route")


def test_a_wrong_key_is_refused(base_url: str) -> None:
    answer = requests.post(f"{base_url}/chat/completions", json={}, headers={"Authorization": "Bearer x"}, timeout=60)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
