"""A layer that was built for another Python or CPU says so, and the layers together carry what is needed, once."""

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from checks.layer import LAMBDA_TAGS, Layer, content_problems, shared_problems
from gateway import check_layer

RUNNING = [".cpython-313-x86_64-linux-gnu.so", ".cpython-313.so", ".abi3.so", ".so"]
ARM = "_pydantic_core.cpython-313-aarch64-linux-gnu.so"
X86 = "_pydantic_core.cpython-313-x86_64-linux-gnu.so"
OLD = "_pydantic_core.cpython-311-x86_64-linux-gnu.so"
STUB = "_pydantic_core.pyi"


def layer(folder: Path, *files: str) -> Path:
    (folder / "pydantic_core").mkdir()
    for name in files:
        (folder / "pydantic_core" / name).touch()
    return folder


@pytest.mark.parametrize("files", [(X86,), (ARM, X86, STUB), ("_pydantic_core.abi3.so",), (STUB,), ()])
def test_a_layer_that_fits_passes(tmp_path: Path, files: tuple[str, ...]) -> None:
    check_layer(layer(tmp_path, *files), RUNNING)


def test_a_package_outside_a_layer_passes(tmp_path: Path) -> None:
    check_layer(tmp_path, RUNNING)


@pytest.mark.parametrize(
    ("files", "built_for"),
    [
        ((ARM,), ".cpython-313-aarch64-linux-gnu.so"),
        ((OLD, STUB), ".cpython-311-x86_64-linux-gnu.so"),
        ((OLD, ARM), ".cpython-311-x86_64-linux-gnu.so, .cpython-313-aarch64-linux-gnu.so"),
    ],
)
def test_a_layer_for_another_python_or_cpu_is_refused_in_a_sentence(
    tmp_path: Path, files: tuple[str, ...], built_for: str
) -> None:
    with pytest.raises(ImportError) as caught:
        check_layer(layer(tmp_path, *files), RUNNING)
    message = str(caught.value)
    assert message.startswith(
        f"The gateway layer was built for {built_for} but this function runs {RUNNING[0]} (Python 3."
    )
    assert message.endswith("or build the layer again with `sam build`.")


LAYERS = Path(__file__).parents[2] / "layers"
LEFT_OUT = {
    "attrs", "click", "h11", "httpcore2", "jsonschema", "jsonschema-specifications", "pycparser", "pyjwt",
    "python-multipart", "referencing", "rpds-py", "truststore", "uvicorn",
}  # fmt: skip
"""What the MCP SDK's clients, its command line and other HTTP servers need; scripts/check-layer has the server answer without."""


def carried(name: str) -> dict[str, str]:
    """The packages that a layer is built from, with their versions."""
    text = (LAYERS / name / "requirements.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


def needed(package: str, extras: frozenset[str] = frozenset()) -> set[str]:
    """All that a package depends on here, itself included."""
    found: set[str] = {canonicalize_name(package)}
    for text in metadata.requires(package) or []:
        one = Requirement(text)
        if any(one.marker is None or one.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            found |= needed(one.name, frozenset(one.extras))
    return found


def test_all_that_the_mcp_sdk_needs_is_in_a_layer_or_left_out_on_purpose() -> None:
    assert needed("mcp") - carried("gateway").keys() - carried("mcp").keys() == LEFT_OUT


def test_the_mcp_layer_carries_nothing_that_the_gateways_does_or_that_the_sdk_does_not_need() -> None:
    assert not carried("mcp").keys() & (carried("gateway").keys() | LEFT_OUT)
    assert carried("mcp").keys() <= needed("mcp")


def test_the_tests_run_on_what_the_layers_carry() -> None:
    pinned = carried("gateway") | carried("mcp")
    assert {package: metadata.version(package) for package in pinned} == pinned


def built(folder: Path, name: str, *files: str) -> Layer:
    for file in files:
        path = folder / name / "python" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return Layer.read(folder / name)


def test_a_package_in_both_layers_is_told(tmp_path: Path) -> None:
    layers = {
        name: built(tmp_path, name, "idna/core.py", f"{name}/__init__.py") for name in ("GatewayLayer", "McpLayer")
    }
    assert [*shared_problems(layers)] == ["Both layers carry idna."]


@pytest.mark.parametrize("names", [("abi3",), ("cpython-313-aarch64-linux-gnu",)])
def test_an_extension_that_only_one_cpu_finds_is_told(tmp_path: Path, names: tuple[str, ...]) -> None:
    found = built(tmp_path, "McpLayer", *(f"cryptography/_rust.{name}.so" for name in names))
    (problem,) = content_problems(found, LAMBDA_TAGS)
    assert problem.startswith(f"cryptography/_rust is compiled for {names[0]}, not for cpython-313-aarch64")
