"""The stack in the emulator: deployed by `sam deploy`, known by its outputs."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local import aws, console, envs
from local.build import architecture
from local.console import Failure

NAME = "ai-model-gateway-dev"


@dataclass(frozen=True)
class Stack:
    """One deployment of the template, by its name."""

    endpoint: str
    name: str = NAME
    parameters: dict[str, str] = field(default_factory=dict)

    def is_deployed(self, sources: str) -> bool:
        """Whether it is there, whole, and made from these sources."""
        return self._is_complete() and self._deployed_from() == self._stamp(sources)

    def deploy(self, build: Path, log: Path, sources: str) -> None:
        """The sources' fingerprint is kept in the emulator, so that it is lost together with what it tells of."""
        self._forget_broken()
        parameters = {"Architecture": architecture(), "Stage": "dev", **self.parameters}
        command: list[str | Path] = [
            envs.python("sam"), "-m", "samcli", "deploy", "--template-file", build / "sam" / "template.yaml",
            "--config-file", build / "samconfig.toml", "--stack-name", self.name, "--s3-bucket", self._bucket(),
            "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-fail-on-empty-changeset",
            "--no-progressbar", "--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items()),
        ]  # fmt: skip
        if console.run_logged(command, log, sam_environment(self.endpoint), build):
            raise Failure(_why(log))
        if not self._is_complete():
            raise Failure(f"sam deploy left the stack unfinished; see {console.shown(log)}.")
        ssm = aws.client("ssm", self.endpoint)
        ssm.put_parameter(Name=self._parameter, Value=self._stamp(sources), Type="String", Overwrite=True)

    def outputs(self) -> dict[str, str]:
        """Asked for anew each time: they change with the routes."""
        return {output["OutputKey"]: output["OutputValue"] for output in self._described().get("Outputs", [])}

    def base_url(self) -> str:
        """On AWS API Gateway has a host name per API; the emulator serves it under a path."""
        stage = self.parameters.get("Stage", "dev")
        return f"{self.endpoint}/_aws/execute-api/{self.outputs()['ApiId']}/{stage}/api/v1"

    def client(self, service: str) -> Any:
        """A boto3 client for the emulator."""
        return aws.client(service, self.endpoint)

    @property
    def _parameter(self) -> str:
        return f"/{self.name}/deployed-from"

    def _stamp(self, sources: str) -> str:
        return f"{sources} {json.dumps(self.parameters, sort_keys=True)}"

    def _deployed_from(self) -> str:
        try:
            return str(self.client("ssm").get_parameter(Name=self._parameter)["Parameter"]["Value"])
        except ClientError:
            return ""

    def _described(self) -> dict[str, Any]:
        try:
            return dict(self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"][0])
        except ClientError:
            return {}
        except BotoCoreError as error:
            raise Failure(f"The emulator does not answer: {error}") from None

    def _is_complete(self) -> bool:
        return self._described().get("StackStatus") in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}

    def _forget_broken(self) -> None:
        """A stack whose creation failed cannot be updated, and holds nothing worth keeping."""
        if self._described().get("StackStatus", "").startswith(("ROLLBACK", "CREATE_FAILED", "REVIEW")):
            self.client("cloudformation").delete_stack(StackName=self.name)

    def _bucket(self) -> str:
        """Where sam puts the code; its own --resolve-s3 would deploy a second stack for that."""
        bucket = f"{self.name}-artifacts"
        try:
            self.client("s3").create_bucket(Bucket=bucket)
        except ClientError as error:
            if not error.response["Error"]["Code"].startswith("BucketAlready"):
                raise
        return bucket


def sam_environment(endpoint: str) -> dict[str, str]:
    """What `sam deploy` needs to speak to the emulator and to nothing else."""
    user = envs.user_environment()
    kept = {name: user[name] for name in ("PATH", "HOME", "TMPDIR", "LANG", "TERM") if name in user}
    return kept | aws.environment(endpoint)


def _why(log: Path) -> str:
    errors = re.findall(r"^Error: .*$", log.read_text(errors="replace"), re.MULTILINE)
    return f"sam deploy failed{': ' + errors[-1].removeprefix('Error: ') if errors else ''} (see {console.shown(log)})"
