"""The logger, made once. One JSON object a line; the request's id rides on every line."""

import functools
import json

from aws_lambda_powertools import Logger

# ASCII only: half a surrogate pair, which models do send, cannot be written to stdout, and its line would be lost.
logger = Logger(location=None, json_serializer=functools.partial(json.dumps, default=str, separators=(",", ":")))
