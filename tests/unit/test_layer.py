"""A layer that was built for another Python or CPU says so."""

from pathlib import Path

import pytest

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
