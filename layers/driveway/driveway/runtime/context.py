"""Everything outside a handler: made when first used, and replaceable as a whole."""

import os
import random
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args

from aws_lambda_powertools import Logger

from driveway.domain.control.breaker import BreakerRules
from driveway.domain.control.provider_budget import USUAL_BUDGETS, ProviderBudget
from driveway.domain.control.settings import ControlRules, RespectStops
from driveway.domain.due import dues
from driveway.domain.presence.rules import PresenceRules
from driveway.runtime.aws_client import AwsClient
from driveway.runtime.clock import Clock, parse_clock
from driveway.runtime.deadline import Deadline
from driveway.runtime.secret_reader import SecretReader
from driveway.runtime.settings import Settings
from driveway.store.app_events import AppEvents
from driveway.store.breakers import Breakers
from driveway.store.budgets import Budgets
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

if TYPE_CHECKING:
    import requests
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sqs import SQSClient

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
    def table(self) -> Table:
        """The twins and the due indexes."""
        name, shards = self.settings.text("TABLE_NAME"), self.settings.shards
        return Table(self.dynamodb, name, lambda twin, now: dues(twin, now, self.control_rules), shards, self.random)

    @cached_property
    def due_indexes(self) -> DueIndexes:
        """The due indexes across their shards."""
        return DueIndexes(self.dynamodb, self.settings.text("TABLE_NAME"), self.settings.shards)

    @cached_property
    def lists(self) -> Nights:
        """The lists of the console and the figures of nights."""
        return Nights(self.dynamodb, self.settings.text("TABLE_NAME"), self.settings.shards)

    @cached_property
    def records(self) -> Records:
        """The small records beside the twins."""
        return Records(self.dynamodb, self.settings.text("TABLE_NAME"))

    @cached_property
    def inbox(self) -> Inbox:
        """The aliases of vehicles and the dedupe records of reports, many at once."""
        return Inbox(self.dynamodb, self.settings.text("TABLE_NAME"), self.random)

    @cached_property
    def history(self) -> History:
        """The kept sessions and plans."""
        return History(self.dynamodb, self.settings.text("TABLE_NAME"))

    @cached_property
    def app_events(self) -> AppEvents:
        """The events that the app's webhook was sent."""
        return AppEvents(self.dynamodb, self.settings.text("TABLE_NAME"), self.settings.shards)

    @cached_property
    def tokens(self) -> TokenRecords[TokenRecord]:
        """The access tokens that belong to the operator's own credentials, one for each API."""
        return TokenRecords(self.dynamodb, self.settings.text("TABLE_NAME"), TokenRecord, self.settings.shards)

    @cached_property
    def accounts(self) -> TokenRecords[AccountRecord]:
        """The tokens of drivers' accounts at the car makers."""
        return TokenRecords(self.dynamodb, self.settings.text("TABLE_NAME"), AccountRecord, self.settings.shards)

    @cached_property
    def site_accounts(self) -> SiteAccounts:
        """Which accounts a site was onboarded with."""
        return SiteAccounts(self.dynamodb, self.settings.text("TABLE_NAME"))

    @cached_property
    def sites(self) -> SiteStore:
        """The sites."""
        return SiteStore(self.dynamodb, self.table, self.records)

    @cached_property
    def slots(self) -> SlotStore:
        """The half-hours."""
        kept = timedelta(days=round(self.settings.number("HALF_HOURS_KEPT_MONTHS", 26) * 365.25 / 12))
        name, shards = self.settings.text("TABLE_NAME"), self.settings.shards
        return SlotStore(self.dynamodb, name, shards, rng=self.random, kept=kept)

    @cached_property
    def breakers(self) -> Breakers:
        """The breakers of Axle and of the car makers, shared by all instances."""
        # What is counted in calls is scaled, because calls take real time. Pauses follow the clock, as outages do.
        rules = BreakerRules(
            failures_apart=self.clock.real_time(120.0),
            probe_lease=self.clock.real_time(120.0),
            drain=timedelta(seconds=self.settings.number("BREAKER_DRAIN_S", 60)),
        )
        return Breakers(self.records, rules, believed=self.clock.real_time(3.0), rng=self.random)

    @cached_property
    def budgets(self) -> Budgets:
        """What each provider was asked for, shared by all instances."""
        return Budgets(self.records, self.control_rules.budgets)

    @cached_property
    def pacing(self) -> Pacing:
        """The rate of calls to each provider, shared by all instances."""
        per_s = {one: self.settings.number(f"{one.upper()}_CALLS_PER_S", 0.0) for one in USUAL_BUDGETS}
        return Pacing(self.records, per_s, self.clock.scale)

    @cached_property
    def control_switch(self) -> ControlSwitch:
        """The operator's switch for all control."""
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
    def control_rules(self) -> ControlRules:
        """How cars are commanded and protected; a scaled clock lengthens timeouts by the latency of calls."""
        usual = ControlRules()
        return ControlRules(
            lead=self.clock.real_time(2.0),
            confirm_start_within=max(usual.confirm_start_within, self.clock.real_time(5.0)),
            confirm_stop_within=max(usual.confirm_stop_within, self.clock.real_time(5.0)),
            lost_after=max(usual.lost_after, self.clock.real_time(3.0)),
            command_ttl=max(usual.command_ttl, self.clock.real_time(10.0)),
            default_spread_s=int(self.settings.number("DEFAULT_EDGE_SPREAD_S", 0)),
            escalate=self.settings.flag("READY_BY_ESCALATION", default=False),
            daily_commands=int(self.settings.number("DAILY_COMMANDS", usual.daily_commands)),
            daily_wakes=int(self.settings.number("DAILY_WAKE_UPS", usual.daily_wakes)),
            budgets={name: self._budget(name, budget) for name, budget in USUAL_BUDGETS.items()},
            respect_stops=cast("RespectStops", self.settings.choice("RESPECT_STOPS", "second", get_args(RespectStops))),
            respect_interference=self.settings.flag("RESPECT_INTERFERENCE", default=usual.respect_interference),
        )

    def _budget(self, provider: str, usual: ProviderBudget) -> ProviderBudget:
        """The budget at a provider; a limit of 0 is none."""
        setting, name = self.settings.number, provider.upper()
        return ProviderBudget(
            car_month_requests=int(setting(f"{name}_CAR_MONTH_REQUESTS", usual.car_month_requests or 0)) or None,
            bucket_requests=int(setting(f"{name}_BUCKET_REQUESTS", usual.bucket_requests or 0)) or None,
            bucket_refill_per_min=setting(f"{name}_BUCKET_REFILL_PER_MIN", usual.bucket_refill_per_min),
            month_bill_usd=setting(f"{name}_MONTH_BILL_USD", usual.month_bill_usd or 0.0) or None,
            command_usd=setting(f"{name}_COMMAND_USD", usual.command_usd),
            data_usd=setting(f"{name}_DATA_USD", usual.data_usd),
            wake_usd=setting(f"{name}_WAKE_USD", usual.wake_usd),
        )

    def presence_rules(self, *, reports_leaving_home: bool = False) -> PresenceRules:
        """When reports of plug and place count. A scaled clock holds a plug-out longer, so a contradiction can arrive.

        ``reports_leaving_home``: the source reports by itself when a car leaves its home.
        """
        held_s = max(PresenceRules().own_stop_debounce_s, round(self.clock.real_time(3.0).total_seconds()))
        return PresenceRules(reports_home_changes=reports_leaving_home, own_stop_debounce_s=held_s)

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
    def _secrets(self) -> SecretReader:
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
