"""Sends many requests through a gateway of its own, deployed to the local emulator, whose providers fail, and checks that no
client notices.

The model has three deployments: one fails 30 % of its calls (500s, resets, truncated bodies, errors inside a 200), one is dead
in the middle third of the requests and comes back, one is well. Prints what became of each, and exits with 1 if a promise was
broken: an error for a client, a row too many or missing, an attempt that was none, an answer given twice.
"""

import argparse
import json
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3.dynamodb.types

from gateway.registry import STRATEGIES
from local import console
from local.access import Access
from local.console import Failure, Say, step
from local.platform_ import Platform
from operate.put_models import compact
from simulate.chaos import clients
from simulate.chaos.clients import Clients
from simulate.chaos.providers import CAST, DYING, MODEL, WARM, Part, Provider, override
from simulate.chaos.records import Event, Run
from simulate.chaos.report import lines, summary

WARM_SECONDS = 1.0
PROGRESS_SECONDS = 5.0
DETAILS = ("seconds", "calls", "failures", "reason", "outcome")
"""Of log lines, beside the message and the deployment."""


def main() -> None:
    """Parse, run, report."""
    parser = argparse.ArgumentParser("scripts/chaos", description=__doc__)
    parser.add_argument("--requests", type=int, default=2000, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--parallel", type=int, default=8, metavar="N", help="so many at once (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the faults (default: %(default)s)")
    parser.add_argument(
        "--strategy", choices=STRATEGIES, default=STRATEGIES[0], help="the model's (default: %(default)s)"
    )
    parser.add_argument(
        "--dead", choices=("refuse", "stall"), default="refuse",
        help="the dead one refuses connections, or takes requests and never answers (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--timeout", type=float, metavar="S", help="each deployment's own, in seconds (default: none)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--keep", action="store_true", help="keep the emulator's folder, with tables and logs")
    options = parser.parse_args()
    if options.requests < 3 or options.parallel < 1:
        parser.error("at least three requests, from at least one client")
    console.main(lambda: chaos(options))


def chaos(options: argparse.Namespace) -> None:
    """One run. Everything that it starts has ended when it returns, however it does."""
    say = _say_beside if options.json else console.say
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ExitStack() as stack:
        found = summary(Chaos(options, stack, say).run())
    print(json.dumps(vars(options) | found, indent=2) if options.json else "\n".join(lines(found)), flush=True)
    if not found["held"]:
        raise Failure("A promise was broken.")


@dataclass
class Chaos:
    """A run in the making."""

    options: argparse.Namespace
    stack: ExitStack
    say: Say

    def run(self) -> Run:
        """Deploy, warm up, send, and collect what is left behind."""
        providers = {name: self._provider(name, part) for name, part in CAST.items()}
        warm = self._provider(WARM, Part(WARM_SECONDS, 0.0, 0, "0"))
        platform, access = self._gateway()
        urls = {name: provider.url for name, provider in (providers | {WARM: warm}).items()}
        self._put(platform, override(urls, self.options.strategy, self.options.timeout))
        self._warm_up(access)
        started, died, back, sent = self._send(access, providers[DYING])
        ended = time.time()
        with step("Reading the rows and the log", self.say) as note:
            rows, events = list(_rows(platform)), sorted(_events(platform, started), key=lambda event: event.at)
            note(f"{len(rows):,} rows")
        calls = {name: provider.calls for name, provider in providers.items()}
        return Run(self.options.dead, started, died, back, ended, sent.sent, rows, calls, events)

    def _provider(self, name: str, part: Part) -> Provider:
        return self.stack.enter_context(Provider(name, part, self.options.seed))

    def _gateway(self) -> tuple[Platform, Access]:
        home = Path(tempfile.mkdtemp(prefix="chaos-"))
        platform = Platform(home, _free_port(), environment={}, say=self.say)

        def end(_kind: type[BaseException] | None, error: BaseException | None, _trace: Any) -> None:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C would leave the emulator behind
            platform.stop()
            if self.options.keep or (error and not isinstance(error, KeyboardInterrupt)):
                self.say(f"The emulator's folder is {home}")
            else:
                shutil.rmtree(home)

        self.stack.push(end)
        return platform, platform.start()

    def _put(self, platform: Platform, models: Mapping[str, Any]) -> None:
        """The models, before an instance has read others: the restart makes all functions cold."""
        with step("Putting the models", self.say):
            name, value = platform.outputs["ModelsParameter"], compact(json.dumps(models))
            platform.client("ssm").put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
            platform.emulator.restart()

    def _warm_up(self, access: Access) -> None:
        parallel = self.options.parallel
        with step(f"Warming up {parallel} instances", self.say) as note:
            for _ in range(2):
                slowest = max(clients.once(access, WARM, parallel), key=lambda sent: (sent.status != 200, sent.seconds))
                if slowest.status != 200:
                    raise Failure(f"Warming up failed: {slowest.status} {slowest.error}")
            note(f"{(slowest.seconds - WARM_SECONDS) * 1000:.0f} ms beside the provider's time when warm")

    def _send(self, access: Access, dying: Provider) -> tuple[float, float, float, Clients]:
        """All requests, with a death and a return on the way; when they were."""
        options, started = self.options, time.time()
        self.say(f"Sending {options.requests:,} requests, {options.parallel} at once, by {options.strategy} ...")
        sending = Clients(access, MODEL, options.requests, options.parallel)
        self.stack.callback(sending.stop)
        sending.start()
        died = self._when(sending, options.requests // 3, started)
        dying.die(options.dead)
        self.say(f"  {DYING} is dead")
        back = self._when(sending, options.requests * 2 // 3, started)
        dying.come_back()
        self.say(f"  {DYING} is back")
        self._when(sending, options.requests, started)
        if len(sending.sent) < options.requests:
            raise Failure(f"Only {len(sending.sent):,} requests were sent: a client ended before its time.")
        return started, died, back, sending

    def _when(self, sending: Clients, count: int, started: float) -> float:
        """The time at which so many requests have been answered; tells of the progress until then."""
        told = time.time()
        while len(sending.sent) < count and sending.working:
            time.sleep(0.02)
            if time.time() - told >= PROGRESS_SECONDS:
                told = time.time()
                errors = sum(sent.status != 200 for sent in list(sending.sent))
                self.say(f"  {told - started:4.0f} s: {len(sending.sent):,} answered, {errors} of them with an error")
        return time.time()


def _say_beside(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _rows(platform: Platform) -> Iterator[dict[str, Any]]:
    read = boto3.dynamodb.types.TypeDeserializer().deserialize
    table = platform.outputs["RequestsTable"]
    for page in platform.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        rows = ({name: read(value) for name, value in item.items()} for item in page["Items"])
        yield from (row for row in rows if row["model"] == MODEL)


def _events(platform: Platform, since: float) -> Iterator[Event]:
    pages = platform.client("logs").get_paginator("filter_log_events")
    for page in pages.paginate(logGroupName=platform.outputs["LogGroup"], startTime=int(since * 1000)):
        for event in page["events"]:
            with suppress(ValueError, TypeError, LookupError):  # Lambda's own lines are no JSON
                line = json.loads(event["message"])
                metric = line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"] if "_aws" in line else None
                level, message = ("METRIC", metric) if metric else (line["level"], line["message"])
                details = ", ".join(f"{name} {line[name]}" for name in DETAILS if name in line)
                if level != "INFO":
                    yield Event(event["timestamp"] / 1000, level, message, line.get("deployment"), details)


if __name__ == "__main__":
    main()
