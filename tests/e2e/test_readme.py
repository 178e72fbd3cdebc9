"""What the README shows is run as it stands there, each client in an environment of its own."""

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from local import envs, node
from tests.e2e.conftest import Gateway

README = (envs.ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str, containing: str) -> str:
    """The README's only code block of that language with that text in it."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    (found,) = [code for code in blocks if containing in code]
    return str(found)


@pytest.fixture
def folder(gateway: Gateway, tmp_path: Path) -> Path:
    """A folder with the gateway's keys where the README's code looks for them."""
    (tmp_path / ".local").mkdir()
    shutil.copy(gateway.platform.gateway_file, tmp_path / ".local")
    return tmp_path


def run(command: list[str], folder: Path, gateway: Gateway) -> str:
    """What a program prints, in a shell that has only what the README tells to export."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "OPENAI_BASE_URL": gateway.base_url,
        "OPENAI_API_KEY": gateway.access.api_key,
    }
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_curl_request_is_answered_as_shown(gateway: Gateway, folder: Path) -> None:
    output = run(["sh", "-euc", block("sh", "base_url=")], folder, gateway)
    shown = block("json", "chatcmpl-…")
    changing = r'"chatcmpl-[^"]+"|"created":\d+'
    assert re.sub(changing, "", output) == re.sub(changing, "", shown.strip())


def test_how_a_request_would_be_routed_is_told(gateway: Gateway, folder: Path) -> None:
    output = run(["sh", "-euc", "\n".join([*setting_up(), block("sh", "/route")])], folder, gateway)
    assert [(one["deployment"], one["position"]) for one in json.loads(output)["candidates"]] == [
        ("openai/gpt-4o", 1),
        ("azure/gpt-4o", None),
    ]


def test_keys_are_made_changed_rotated_and_deleted(gateway: Gateway, folder: Path) -> None:
    making = block("sh", "admin() {").splitlines()
    made, listed = answers(run(["sh", "-euc", "\n".join([*setting_up(), *making])], folder, gateway))
    assert made["id"] in [one["id"] for one in listed["data"]]
    begun = [*setting_up(), *making[:2], f"id={made['id']}"]
    output = run(["sh", "-euc", "\n".join([*begun, block("sh", "/rotate")])], folder, gateway)
    changed, rotated, deleted = answers(output)
    assert (made["left"]["requests"], changed["left"]["requests"], changed["left"]["month"]) == (60, None, "50")
    assert made["key"] != rotated["key"]
    assert deleted == {"id": made["id"], "object": "key", "deleted": True}


def setting_up() -> list[str]:
    """The lines that set base_url and api_key."""
    return [line for line in block("sh", "base_url=").splitlines() if re.match(r"\w+=", line)]


def test_a_search_with_typos_finds_the_headphones_that_are_shown(gateway: Gateway, folder: Path) -> None:
    output = run(["sh", "-euc", "\n".join([*setting_up(), block("sh", "hedphones")])], folder, gateway)
    found = json.loads(output)
    assert found | {"next_cursor": "…"} == json.loads(block("json", '"hedphones"'))
    (best,) = found["data"]
    assert best["categories"][0].startswith("Electronics > Audio > Headphones")
    assert best["price_range"]["min"]["amount"] <= 10_000


def test_speakers_are_filtered_counted_and_sorted_and_offers_and_categories_listed(
    gateway: Gateway, folder: Path
) -> None:
    output = run(["sh", "-euc", "\n".join([*setting_up(), block("sh", "bluetooth speaker")])], folder, gateway)
    speakers, offers, categories = answers(output)
    assert speakers["data"][0]["availability"] == "in_stock"
    assert set(speakers["facets"]) == {"brand", "price"}
    assert [offer["object"] for offer in offers["data"]] == ["offer"] * len(offers["data"])
    assert "Electronics > Audio > Headphones" in [one["path"] for one in categories["data"]]


def test_a_shopping_question_is_answered_with_the_products_that_are_shown(gateway: Gateway, folder: Path) -> None:
    output = run(["sh", "-euc", "\n".join([*setting_up(), block("sh", '"server_label"')])], folder, gateway)
    assert output == block("text", "I found")


def test_offers_are_the_same_over_mcp_and_over_rest(gateway: Gateway, folder: Path) -> None:
    output = run(["sh", "-euc", "\n".join([*setting_up(), block("sh", '"tools/call"')])], folder, gateway)
    over_mcp, over_rest = answers(output)
    assert over_mcp["result"]["structuredContent"] == over_rest
    assert over_rest["offers"][0]["cheapest"] is True


def test_the_feed_that_is_shown_is_imported(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "feed.csv").write_text(block("csv", "id,title"), encoding="utf-8")
    tried, done = (
        script(shlex.split(line, comments=True), tmp_path, gateway)
        for line in block("sh", "import-products feed.csv").splitlines()
    )
    assert "nothing was written" in tried
    assert "1 new" in tried
    assert "1 new" in done
    headers = {"Authorization": f"Bearer {gateway.access.api_key}"}
    shown = requests.get(f"{gateway.base_url}/products/kettle-1/offers", headers=headers, timeout=60).json()
    assert [(one["merchant"], one["total"]["amount"]) for one in shown["data"]] == [("My Shop", 5485)]


def script(words: list[str], folder: Path, gateway: Gateway) -> str:
    """What a script of the README prints, on the tests' own gateway."""
    command = [str(envs.ROOT / words[0]), *words[1:], "--home", str(gateway.platform.home)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def answers(output: str) -> list[Any]:
    """The JSON objects that curl has printed, one right after the other."""
    return json.loads(f"[{output.strip().replace('}{', '},{')}]")  # type: ignore[no-any-return]


def test_openais_python_package_runs(gateway: Gateway, folder: Path) -> None:
    code = block("python", "client.chat.completions.create")
    assert run([str(envs.python("dev")), "-c", code], folder, gateway) == "You said: Hello\n"


def test_the_embeddings_of_similar_texts_are_near_each_other(gateway: Gateway, folder: Path) -> None:
    code = block("python", "client.embeddings.create")
    assert run([str(envs.python("dev")), "-c", code], folder, gateway) == "True\n"


def test_the_provider_that_is_added_is_a_right_one(tmp_path: Path) -> None:
    (tmp_path / "models.json").write_text(block("json", "acme/large"))
    done = subprocess.run(
        [envs.ROOT / "scripts" / "put-models", tmp_path / "models.json", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "+ acme/large: acme/acme-large-2\nThe file is right; nothing was changed.\n"


def test_langchain_runs(gateway: Gateway, folder: Path) -> None:
    envs.ensure(["langchain"])
    code = block("python", "langchain_openai")
    assert run([str(envs.python("langchain")), "-c", code], folder, gateway) == "You said: Hello\n"


@pytest.mark.skipif(not shutil.which("npm"), reason="needs Node.js")
@pytest.mark.parametrize("containing", ['from "openai"', "@ai-sdk/openai"], ids=["openai", "vercel"])
def test_node_clients_run(gateway: Gateway, folder: Path, containing: str) -> None:
    node.ensure()
    (folder / "node_modules").symlink_to(node.MODULES, target_is_directory=True)
    (folder / "example.mjs").write_text(block("js", containing))
    assert run(["node", "example.mjs"], folder, gateway) == "You said: Hello\n"
