"""The whole local platform in one object: what scripts/start does, and what end-to-end tests start beside it."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local import access, aws, build, catalogue, console, envs, logs, providers
from local.access import Access
from local.console import Failure, Say, step
from local.emulator import DEFAULT_PORT, Emulator
from local.lock import waiting_lock
from local.stack import Stack, sam_environment
from operate.target import Target

HOME = envs.ROOT / ".local"


@dataclass(frozen=True)
class Platform:
    """One emulator with its state in `home`, on `port`; platforms with different homes and ports share nothing.

    `environment` is where providers' keys are taken from. What is built is kept in `home`, or in `builds`, which platforms may share.
    """

    home: Path = HOME
    port: int = DEFAULT_PORT
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    say: Say = console.say
    builds: Path | None = None

    def start(self) -> Access:
        """Everything up to a gateway that has just answered. What is already there and right is kept."""
        try:
            return self._start()
        except (BotoCoreError, ClientError) as error:
            raise Failure(f"The emulator failed: {error} (its log is {console.shown(self.emulator.log)})") from None

    def _start(self) -> Access:
        self.home.mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o700)  # the emulator saves providers' keys in it as they are
        sources = self.build()
        changed = self._deploy(sources)
        changed |= self._put_provider_keys()
        found = self._find_keys()
        changed |= found is not None and access.grant(self.client("dynamodb"), self.outputs["KeysTable"], found)
        ready = found or access.create(self.client("dynamodb"), self.outputs["KeysTable"], self.stack.base_url())
        changed |= self._load_catalogue()
        if changed or not found:
            with step("Saving the emulator's state by a clean restart", self.say):
                self.emulator.restart()
        self._prove(ready)
        ready.save(self.gateway_file)
        return ready

    def stop(self) -> bool:
        """Ends the emulator, which saves its state. Says whether it was running."""
        return self.emulator.stop()

    def build(self) -> str:
        """Build what is deployed, unless it is built already; returns the sources' fingerprint."""
        envs.ensure(["sam", "emulator"])
        sources = build.fingerprint()
        with waiting_lock(self._built.with_suffix(".lock")):
            if not build.is_built(self._built, sources):
                with step("Building the layers and the template", self.say):
                    build.build(self._built, self.home / "logs" / "build.log", sources)
        return sources

    @property
    def _built(self) -> Path:
        return self.builds or self.home / "build"

    def deploy(self, stack: Stack) -> None:
        """Deploy another stack of the same build into the running emulator."""
        stack.deploy(self._built, self.home / "logs" / f"deploy-{stack.name}.log", build.fingerprint())

    def sam(self, *arguments: str | Path, cwd: Path = envs.ROOT, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Run any sam command against the emulator, as a user with these credentials would."""
        command = [envs.python("sam"), "-m", "samcli", *arguments]
        env = sam_environment(self.emulator.url)
        return subprocess.run(command, input=stdin, capture_output=True, text=True, cwd=cwd, env=env, check=False)

    def follow(self, since: float | None = None) -> Iterator[str]:
        """The functions' log lines from `since` on; outlasts the emulator's restart and ends with its end."""
        since = time.time() if since is None else since
        client, group = self.client("logs"), self.outputs["LogGroup"]
        while True:
            try:
                yield from logs.follow(client, group, int(since * 1000))
            except (BotoCoreError, ClientError):
                since = time.time()
                if not self.emulator.comes_back():
                    return

    def client(self, service: str) -> Any:
        """A boto3 client for the emulator."""
        return aws.client(service, self.emulator.url)

    @property
    def emulator(self) -> Emulator:
        """The process."""
        return Emulator(self.home, self.port)

    @property
    def stack(self) -> Stack:
        """What scripts/start deploys."""
        return Stack(self.emulator.url)

    @property
    def outputs(self) -> dict[str, str]:
        """The stack's."""
        return self.stack.outputs()

    @property
    def gateway_file(self) -> Path:
        """Where the address and the keys are."""
        return self.home / "gateway.json"

    def _deploy(self, sources: str) -> bool:
        with step("Starting the emulator", self.say) as note:
            note("started" if self.emulator.ensure() else "it is running")
        if self.stack.is_deployed(sources):
            return False
        with step("Deploying with sam deploy", self.say):
            self.deploy(self.stack)
        return True

    def _put_provider_keys(self) -> bool:
        for name in providers.own(self.environment):
            self.say(f"{name} is a gateway's own, for its clients: not taken.")
        changes = providers.put(self.client("secretsmanager"), self.outputs["ProvidersSecret"], self.environment)
        for change in changes:
            self.say(f"{change}.")
        return bool(changes)

    def _find_keys(self) -> Access | None:
        found = access.load(self.gateway_file, self.stack.base_url())
        return found if found and access.are_known(found) else None

    def _load_catalogue(self) -> bool:
        gateway = Target(None, self.emulator.url, self.stack.name, self.outputs)
        return catalogue.load(gateway, self.home, self.say)

    def _prove(self, ready: Access) -> None:
        with step("Asking for the gateway's health and for a completion", self.say) as note:
            try:
                note(f"version {access.prove(ready)} answered")
            except Failure as failure:
                raise Failure(f"{failure} (the emulator's log is {console.shown(self.emulator.log)})") from None
