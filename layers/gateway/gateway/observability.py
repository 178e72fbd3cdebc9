"""The logger, made once, and metrics. One JSON object a line; the request's id rides on every line of the log."""

import functools
import json

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit, single_metric

# ASCII only: half a surrogate pair, which models do send, cannot be written to stdout, and its line would be lost.
logger = Logger(location=None, json_serializer=functools.partial(json.dumps, default=str, separators=(",", ":")))

NAMESPACE = "AIModelGateway"


def count(metric: str, **dimensions: str) -> None:
    """Add one to a metric, by a line that CloudWatch reads metrics from.

    Args:
        metric: its name, such as "UnknownPrice".
        dimensions: what it is counted by, beside the service.
    """
    with single_metric(name=metric, unit=MetricUnit.Count, value=1, namespace=NAMESPACE) as counted:
        counted.add_dimension("service", logger.service)
        for name, value in dimensions.items():
            counted.add_dimension(name, value)
