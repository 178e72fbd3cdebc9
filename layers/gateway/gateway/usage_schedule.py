"""The hourly roll-up, as the scheduled function runs it."""

from typing import Any

from gateway import dynamodb, rollups
from gateway.observability import logger
from gateway.periods import hour_label
from gateway.reports import tables
from gateway.request_log import milliseconds
from gateway.settings import settings

DAY_SECONDS = 120
"""What a day's sums may take: with less time left the next run goes on."""


def run(context: Any) -> None:
    """Sum up the hours that are over, and log what was done.

    Args:
        context: Lambda's; it knows how long the function may still run.
    Raises:
        ServiceUnavailable: a table does not answer; what was summed stays, and Lambda tries again.
    """
    with dynamodb.available(settings().usage_table):
        done = rollups.roll_up(
            tables(),
            milliseconds(),
            settings().request_retention_days,
            lambda: context.get_remaining_time_in_millis() >= DAY_SECONDS * 1000,
        )
    span = {"from_hour": hour_label(done.start), "until_hour": hour_label(done.until)}
    logger.info("usage rolled up", extra={**span, "sums": done.sums, "done": done.done})
