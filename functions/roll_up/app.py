"""Every hour: sums up the usage of the hours that are over."""

from typing import Any

from gateway import usage_schedule


def lambda_handler(event: dict[str, Any], context: Any) -> None:
    usage_schedule.run(context)
