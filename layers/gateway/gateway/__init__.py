"""The AI Model Gateway: everything that its Lambda functions share."""

import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

__version__ = "0.1.0"


def check_layer(packages: Path, suffixes: list[str]) -> None:
    """Fail with a sentence when the layer's compiled wheels are for another Python or CPU than the one running.

    Without it the first import of pydantic dies in a way that names neither.

    Args:
        packages: the folder that holds this package and, in a layer, its dependencies.
        suffixes: how the running interpreter's extension files end, its own first.
    Raises:
        ImportError: the layer carries pydantic_core, but not for this interpreter.
    """
    built = sorted(path.name.split(".", 1)[1] for path in packages.glob("pydantic_core/_pydantic_core.*"))
    extensions = [f".{name}" for name in built if not name.startswith("py")]
    if extensions and not set(extensions) & set(suffixes):
        raise ImportError(
            f"The gateway layer was built for {', '.join(extensions)} but this function runs {suffixes[0]} "
            f"(Python {sys.version_info[0]}.{sys.version_info[1]}): set the function's Runtime and Architectures "
            "to match the layer, or build the layer again with `sam build`."
        )


check_layer(Path(__file__).resolve().parent.parent, EXTENSION_SUFFIXES)
