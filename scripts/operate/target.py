"""Which gateway an operator's script works on: the one on this machine, or a stack on AWS."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local import aws
from local.console import Failure
from local.emulator import running
from local.stack import NAME

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Target:
    """A deployed gateway.

    Attributes:
        outputs: its stack's outputs, such as KeysTable.
    """

    session: Any
    endpoint: str | None
    stack: str
    outputs: dict[str, str]

    def output(self, name: str) -> str:
        """One of the stack's outputs.

        Raises:
            Failure: it has none of that name.
        """
        if name not in self.outputs:
            raise Failure(
                f"The stack {self.stack} has no output {name}: it is not of this gateway, or of an older version."
            )
        return self.outputs[name]

    def client(self, service: str) -> Any:
        """A boto3 client for the place where the stack is."""
        return aws.client(service, self.endpoint) if self.endpoint else self.session.client(service)

    def client_with(self, service: str, config: Config) -> Any:
        """The same, for calls that are not the usual ones: many at a time, or long ones."""
        return (
            aws.client(service, self.endpoint, config) if self.endpoint else self.session.client(service, config=config)
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that all operators' scripts share."""
    parser.add_argument(
        "--stack", help="a stack on AWS, by your usual AWS credentials (default: the gateway on this machine)"
    )
    parser.add_argument("--profile", help="with --stack: the AWS profile")
    parser.add_argument("--region", help="with --stack: the AWS region")
    parser.add_argument("--home", type=Path, default=ROOT / ".local", help=argparse.SUPPRESS)


def find(arguments: argparse.Namespace) -> Target:
    """The gateway that the arguments name.

    Raises:
        Failure: there is none, or it cannot be asked.
    """
    if not arguments.stack:
        if arguments.profile or arguments.region:
            raise Failure("--profile and --region are for a stack on AWS: name it by --stack.")
        return _local(arguments.home)
    try:
        session = boto3.Session(profile_name=arguments.profile, region_name=arguments.region)
        return Target(session, None, arguments.stack, _outputs(session.client("cloudformation"), arguments.stack))
    except (BotoCoreError, ClientError) as error:
        raise Failure(f"The stack {arguments.stack} cannot be asked: {error}") from None


def _local(home: Path) -> Target:
    endpoint = running(home).url
    try:
        return Target(None, endpoint, NAME, _outputs(aws.client("cloudformation", endpoint), NAME))
    except (BotoCoreError, ClientError):
        raise Failure("The gateway on this machine is not deployed: scripts/start mends it.") from None


def _outputs(cloudformation: Any, stack: str) -> dict[str, str]:
    described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
