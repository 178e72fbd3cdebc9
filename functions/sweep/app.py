"""Every hour: finishes requests that were killed and that no later request of their keys has finished."""

from typing import Any

from gateway import sweep


def lambda_handler(event: dict[str, Any], context: Any) -> None:
    sweep.run()
