"""The logger, made once. One JSON object a line; the request's id rides on every line."""

from aws_lambda_powertools import Logger

logger = Logger(location=None)
