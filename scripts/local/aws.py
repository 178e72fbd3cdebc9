"""Clients for the emulator that nothing in the user's shell or ~/.aws can misdirect."""

from typing import Any

import boto3
import botocore.session
from botocore.config import Config

REGION = "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}  # the emulator's root user

# (key in ~/.aws/config, variable, default, converter): nothing to read them from.
_NOT_THE_USERS = {
    "profile": (None, None, None, None),
    "config_file": (None, None, "/dev/null", None),
    "credentials_file": (None, None, "/dev/null", None),
}


def client(service: str, endpoint: str, config: Config | None = None) -> Any:
    """A boto3 client as the emulator's root user.

    Args:
        config: what is to be other than usual.
    """
    session: Any = boto3.Session(
        botocore_session=botocore.session.Session(session_vars=_NOT_THE_USERS),
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
    )
    patience = Config(proxies={}, connect_timeout=2, read_timeout=30, retries={"total_max_attempts": 3})
    return session.client(service, endpoint_url=endpoint, config=patience.merge(config) if config else patience)


def environment(endpoint: str) -> dict[str, str]:
    """The same for programs that we start."""
    return {
        **CREDENTIALS,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "SAM_CLI_TELEMETRY": "0",
    }
