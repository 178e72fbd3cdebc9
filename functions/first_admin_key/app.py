"""A step of the deploy: the first admin key, put into a secret of the stack's own."""

from typing import Any

from gateway import first_key


def lambda_handler(event: dict[str, Any], context: Any) -> None:
    first_key.on_deploy(event, context.log_stream_name)
