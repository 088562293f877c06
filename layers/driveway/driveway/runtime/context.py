"""Everything outside a handler: made when first used, and replaceable as a whole."""

import os
import random
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

from aws_lambda_powertools import Logger

from driveway.runtime.aws_client import AwsClient
from driveway.runtime.clock import Clock, parse_clock
from driveway.runtime.deadline import Deadline
from driveway.runtime.settings import Settings

if TYPE_CHECKING:
    import requests
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sqs import SQSClient

    from driveway.domain.control.settings import ControlRules
    from driveway.domain.presence.rules import PresenceRules
    from driveway.runtime.secret_reader import SecretReader
    from driveway.store.app_events import AppEvents
    from driveway.store.breakers import Breakers
    from driveway.store.budgets import Budgets
    from driveway.store.connections import Connections
    from driveway.store.control_switch import ControlSwitch
    from driveway.store.due_index import DueIndexes
    from driveway.store.history import History
    from driveway.store.inbox import Inbox
    from driveway.store.nights import Nights
    from driveway.store.pacing import Pacing
    from driveway.store.records import Records
    from driveway.store.sites import SiteStore
    from driveway.store.slots import SlotStore
    from driveway.store.table import Table
    from driveway.store.tokens import AccountRecord, SiteAccounts, TokenRecord, TokenRecords

T = TypeVar("T")


class Runtime:
    """What one execution environment uses: settings, clock, table, bus, queues, HTTP, secrets, randomness."""

    def __init__(self, environ: Mapping[str, str], *, clock: Clock | None = None) -> None:
        self.settings = Settings(environ)
        self._clock = clock
        self._cached: dict[str, tuple[Mapping[str, Any], object]] = {}
        self.unstored_tokens: dict[str, Any] = {}
        self.random: random.Random = random.SystemRandom()
        self.deadline = Deadline()

    @cached_property
    def clock(self) -> Clock:
        """The clock; scaled on the local stack only."""
        return self._clock or parse_clock(self.settings.text("DRIVEWAY_CLOCK", "") or None, on_aws=self.settings.on_aws)

    def now(self) -> datetime:
        """The present instant, aware UTC."""
        return self.clock.now()

    def new_id(self) -> str:
        """A new random identifier."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    @cached_property
    def wake_up_window(self) -> timedelta:
        """How far ahead wake-ups are queued with their delay; on a scaled clock at least a real second.

        EventBridge Scheduler is precise to a minute, so two minutes may lie between two runs of ``clock``.
        """
        return max(timedelta(seconds=130), self.clock.real_time(1.0))

    @cached_property
    def logger(self) -> Logger:
        """Structured logs, one line of JSON each."""
        return Logger(utc=True, log_uncaught_exceptions=False)

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """The DynamoDB client."""
        return cast("DynamoDBClient", AwsClient("dynamodb", os.environ))

    @cached_property
    def table(self) -> "Table":
        """The twins and the due indexes."""
        from driveway.domain.due import dues
        from driveway.store.table import Table

        name, shards = self.settings.text("TABLE_NAME"), self.settings.shards
        return Table(self.dynamodb, name, lambda twin, now: dues(twin, now, self.control_rules), shards, self.random)

    @cached_property
    def due_indexes(self) -> "DueIndexes":
        """The due indexes across their shards."""
        from driveway.store.due_index import DueIndexes

        return DueIndexes(self.dynamodb, self.settings.text("TABLE_NAME"), self.settings.shards)

    @cached_property
    def lists(self) -> "Nights":
        """The lists of the console and the figures of nights."""
        from driveway.store.nights import Nights

        return Nights(self.dynamodb, self.settings.text("TABLE_NAME"), self.settings.shards)

    @cached_property
    def records(self) -> "Records":
        """The small records beside the twins."""
        from driveway.store.records import Records

        return Records(self.dynamodb, self.settings.text("TABLE_NAME"))

    @cached_property
    def inbox(self) -> "Inbox":
        """The aliases of vehicles and the dedupe records of reports, many at once."""
        from driveway.store.inbox import Inbox

        return Inbox(self.dynamodb, self.settings.text("TABLE_NAME"), self.random)

    @cached_property
    def history(self) -> "History":
        """The kept sessions and plans."""
        from driveway.store.history import History

        return History(self.dynamodb, self.settings.text("TABLE_NAME"))

    @cached_property
    def app_events(self) -> "AppEvents":
        """The events that the app's webhook was sent."""
        from driveway.store.app_events import AppEvents

        return AppEvents(self.dynamodb, self.settings.text("TABLE_NAME"), self.settings.shards)

    @cached_property
    def tokens(self) -> "TokenRecords[TokenRecord]":
        """The access tokens that belong to the operator's own credentials, one for each API."""
        from driveway.store.tokens import TokenRecord, TokenRecords

        return TokenRecords(self.dynamodb, self.settings.text("TABLE_NAME"), TokenRecord, self.settings.shards)

    @cached_property
    def accounts(self) -> "TokenRecords[AccountRecord]":
        """The tokens of drivers' accounts at the car makers."""
        from driveway.store.tokens import AccountRecord, TokenRecords

        return TokenRecords(self.dynamodb, self.settings.text("TABLE_NAME"), AccountRecord, self.settings.shards)

    @cached_property
    def site_accounts(self) -> "SiteAccounts":
        """Which accounts a site was onboarded with."""
        from driveway.store.tokens import SiteAccounts

        return SiteAccounts(self.dynamodb, self.settings.text("TABLE_NAME"))

    @cached_property
    def sites(self) -> "SiteStore":
        """The sites."""
        from driveway.store.sites import SiteStore

        return SiteStore(self.dynamodb, self.table, self.records)

    @cached_property
    def connections(self) -> "Connections":
        """The connections that drivers were asked for."""
        from driveway.store.connections import Connections

        return Connections(self.dynamodb, self.settings.text("TABLE_NAME"), self.records)

    @cached_property
    def slots(self) -> "SlotStore":
        """The half-hours."""
        from driveway.store.slots import SlotStore

        kept = timedelta(days=round(self.settings.number("HALF_HOURS_KEPT_MONTHS", 26) * 365.25 / 12))
        name, shards = self.settings.text("TABLE_NAME"), self.settings.shards
        return SlotStore(self.dynamodb, name, shards, rng=self.random, kept=kept)

    @cached_property
    def breakers(self) -> "Breakers":
        """The breakers of Axle and of the car makers, shared by all instances."""
        from driveway.runtime.rules import breaker_rules
        from driveway.store.breakers import Breakers

        return Breakers(
            self.records, breaker_rules(self.settings, self.clock), believed=self.clock.real_time(3.0), rng=self.random
        )

    @cached_property
    def budgets(self) -> "Budgets":
        """What each provider was asked for, shared by all instances."""
        from driveway.store.budgets import Budgets

        return Budgets(self.records, self.control_rules.budgets)

    @cached_property
    def pacing(self) -> "Pacing":
        """The rate of calls to each provider, shared by all instances."""
        from driveway.domain.control.provider_budget import USUAL_BUDGETS
        from driveway.store.pacing import Pacing

        per_s = {one: self.settings.number(f"{one.upper()}_CALLS_PER_S", 0.0) for one in USUAL_BUDGETS}
        return Pacing(self.records, per_s, self.clock.scale)

    @cached_property
    def control_switch(self) -> "ControlSwitch":
        """The operator's switch for all control."""
        from driveway.store.control_switch import ControlSwitch

        return ControlSwitch(self.records, believed=self.clock.real_time(5.0))

    @cached_property
    def readings_grace(self) -> timedelta:
        """How long a half-hour waits for late data before it is reported."""
        return timedelta(seconds=self.settings.number("READINGS_GRACE_S", 600))

    @cached_property
    def lifetime_rows(self) -> bool:
        """Whether lifetime registers are reported beside the energy of half-hours."""
        return self.settings.flag("READINGS_LIFETIME_ROWS", default=False)

    @cached_property
    def control_rules(self) -> "ControlRules":
        """How cars are commanded and protected; a scaled clock lengthens timeouts by the latency of calls."""
        from driveway.runtime.rules import control_rules

        return control_rules(self.settings, self.clock)

    def presence_rules(self, *, reports_leaving_home: bool = False) -> "PresenceRules":
        """When reports of plug and place count. A scaled clock holds a plug-out longer, so a contradiction can arrive.

        ``reports_leaving_home``: the source reports by itself when a car leaves its home.
        """
        from driveway.runtime.rules import presence_rules

        return presence_rules(self.clock, reports_leaving_home=reports_leaving_home)

    def cached(self, key: str, source: Mapping[str, Any], make: Callable[[], T]) -> T:
        """The result of ``make``, cached under ``key`` until its ``source``, the credentials, changes."""
        kept = self._cached.get(key)
        if kept is None or kept[0] != source:
            kept = self._cached[key] = (source, make())
        return cast("T", kept[1])

    @cached_property
    def http(self) -> "requests.Session":
        """The HTTP session for Axle, the car makers and their tokens."""
        from driveway.runtime.http_session import http_session

        return http_session(self.deadline.left_s)

    @cached_property
    def bus(self) -> "EventBridgeClient":
        """The EventBridge client."""
        return cast("EventBridgeClient", AwsClient("events", os.environ))

    @cached_property
    def queues(self) -> "SQSClient":
        """The SQS client."""
        return cast("SQSClient", AwsClient("sqs", os.environ))

    def secret(self, setting: str) -> dict[str, Any]:
        """The JSON secret that a setting names; cached for a few minutes, so a rotation needs no deployment.

        A secret that was never filled is empty: the template makes it without a value.
        """
        value = self._secrets.read(self.settings.text(setting))
        if value is None:
            self.logger.warning("a secret has no value yet", extra={"setting": setting})
        return value or {}

    @cached_property
    def _secrets(self) -> "SecretReader":
        from driveway.runtime.secret_reader import SecretReader

        return SecretReader(AwsClient("secretsmanager", os.environ))


_current: Runtime | None = None


def current_runtime() -> Runtime:
    """The runtime of this execution environment, made from its environment when first used."""
    global _current  # noqa: PLW0603 - one per execution environment is what it is for
    if _current is None:
        _current = Runtime(os.environ)
    return _current


def use(replacement: Runtime | None) -> None:
    """Replace the present runtime (None: make a new one when next needed)."""
    global _current  # noqa: PLW0603 - see current_runtime()
    _current = replacement
