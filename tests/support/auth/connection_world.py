"""Drivers, their accounts at a car maker, homes, and instances of our functions, with a fault at any outside call.

The real rules run over it: what ``PUT`` and ``DELETE`` of a site do with an account, the tokens of a command, and the
checks that the clock requests. Only the table, the token endpoint and the clock are simulated.
"""

import pickle
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from driveway.auth.token_source import TokenError
from driveway.commands.accounts import check_account
from driveway.domain.reports.account_connection import disconnected
from driveway.domain.twin import Command, Entry, Twin, Vehicle
from driveway.runtime.context import Runtime
from driveway.store.table import Change, UnknownAssetError
from driveway.store.tokens import AccountRecord, TokenStoreError
from driveway.values import replace
from driveway.vehicles.accounts import (
    Account,
    account_at,
    account_of,
    accounts_given_up,
    accounts_of_site,
    begin_to_forget,
    forget_accounts,
    keep_tokens,
)
from driveway.vehicles.connections import account_tokens, store_held_tokens
from simulators.cars.tokens import RefreshModel, RefreshTokens
from tests.support.auth.connection_instance import Endpoint, Instance
from tests.support.auth.interleaving import Interleaving
from tests.support.auth.memory_store import MemoryStore
from tests.support.auth.token_world import START
from tests.support.functions.assets import a_twin

ACCESS_LASTS = timedelta(hours=8)
STEP = timedelta(seconds=5)
OUTAGE = timedelta(seconds=20)

Fault = Literal[
    "death before", "death after", "answer lost", "client's own repeat", "not sent", "503", "conflict", "hang", "outage"
]
FAULTS: tuple[Fault, ...] = (
    "death before",
    "death after",
    "answer lost",
    "client's own repeat",
    "not sent",
    "503",
    "conflict",
    "hang",
    "outage",
)


Cars = Mapping[str, tuple[str | None, str | None]]
"""Of each asset the user of its Tesla (None: it has a car of another maker), and perhaps a refresh token."""


class Death(BaseException):
    """The instance is no more."""


@dataclass
class ConnectionWorld:
    """Everything outside of the instances, and the calls that reach it, counted and perhaps at fault."""

    model: RefreshModel
    sign_in_ends_older: bool = False
    now: datetime = START
    at: tuple[int, Fault] | None = None
    interleaving: Interleaving | None = None
    calls: list[str] = field(default_factory=list)
    counting: bool = False
    serial: int = 0
    homes: dict[str, dict[str, str]] = field(default_factory=dict)
    twins: dict[str, Twin] = field(default_factory=dict)
    news: dict[str, list[Entry]] = field(default_factory=dict)
    instances: list[Instance] = field(default_factory=list)
    used: set[tuple[str, str]] = field(default_factory=set)
    store: MemoryStore[AccountRecord] = field(default_factory=MemoryStore)
    granted: list[str] = field(default_factory=list)
    delivered: set[str] = field(default_factory=set)
    ever_stored: set[str] = field(default_factory=set)
    access: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    looked_at: list[str] = field(default_factory=list)
    failed_at: datetime | None = None
    down_until: datetime = START
    minute_at: datetime = START
    tokens: dict[str, str] = field(default_factory=dict)
    queue: list[tuple[datetime, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.refresh_tokens = RefreshTokens(self.model, sign_in_ends_older=self.sign_in_ends_older)
        self.endpoint = Endpoint(self)

    # Calls.

    def present(self) -> datetime:
        """The present instant."""
        return self.now

    def wait(self, seconds: float) -> None:
        """Let time pass, and others work meanwhile."""
        if self.interleaving is not None:
            self.interleaving.point(waiting=True)
        self.now += timedelta(seconds=seconds)
        self.note(f"waited until {self.now}")

    def note(self, had: str) -> None:
        """Note what an operation that runs beside another had of outside."""
        if self.interleaving is not None:
            self.interleaving.had(had)

    def state(self) -> bytes:
        """All that is outside the operations that run side by side, as a value that can be compared."""
        tokens = vars(self.refresh_tokens)
        parts = (
            self.store.kept,
            sorted(self.used),
            self.twins,
            self.news,
            {name: tokens[name] if name != "_serial" else repr(tokens[name]) for name in tokens},
            (self.granted, sorted(self.delivered), sorted(self.ever_stored), self.access, sorted(self.forgotten)),
            (self.looked_at, self.now, self.serial, self.queue, self.down_until, self.minute_at),
        )
        return pickle.dumps(parts)

    def call(
        self,
        name: str,
        act: Callable[[], Any],
        *,
        lost: Exception | None = None,
        unavailable: Any = None,
        conflict: Any = None,
    ) -> Any:
        """Make one outside call, with the fault that is due at it."""
        if self.interleaving is not None:
            self.interleaving.point()
        if name != "exchange" and self.now < self.down_until:
            raise TokenStoreError("no answer")
        if not self.counting:
            answer = act()
            if self.interleaving is not None:
                self.note(f"{name} {pickle.dumps(answer).hex()} {self.now}")
            return answer
        self.calls.append(name)
        if self.at is None or self.at[0] != len(self.calls) - 1:
            return act()
        self.failed_at = self.now
        return self._at_fault(self.at[1], act, lost or TokenStoreError("no answer"), unavailable, conflict)

    def _at_fault(self, fault: Fault, act: Callable[[], Any], lost: Exception, unavailable: Any, conflict: Any) -> Any:
        if fault == "outage":
            self.down_until = self.now + OUTAGE
        if fault in {"death before", "not sent", "outage"} or (fault == "503" and unavailable is None):
            raise Death if fault == "death before" else lost
        if fault == "503":
            return unavailable
        if fault == "conflict" and conflict is not None:
            return conflict
        if fault == "hang":
            self.now += timedelta(seconds=31)
        answer = act()
        if fault in {"death after", "answer lost"}:
            raise Death if fault == "death after" else lost
        return act() if fault == "client's own repeat" else answer

    def exchange(self, token: str) -> tuple[int, Any]:
        """The token endpoint's answer to a refresh token."""
        fresh = self.refresh_tokens.exchange(token, self.now)
        if fresh is None:
            return 401, {"error": "login_required"}
        self.granted.append(fresh)
        access = f"access-{len(self.granted)}"
        self.access[access] = (fresh, self.now + ACCESS_LASTS)
        return 200, {"access_token": access, "refresh_token": fresh, "expires_in": ACCESS_LASTS.total_seconds()}

    # The table, as the instances see it.

    def get(self, key: str) -> AccountRecord | None:
        """Read an account."""
        found: AccountRecord | None = self.call("get", lambda: self.store.get(key))
        return found

    def put_if(self, key: str, new: AccountRecord, expected_version: int) -> bool:
        """Write an account."""

        def act() -> bool:
            written = self.store.put_if(key, new, expected_version)
            if written and new.refresh_token is not None:
                self.ever_stored.add(new.refresh_token)
            return written

        return bool(self.call("put", act, conflict=False))

    def delete_if(self, key: str, version: int) -> bool:
        """Delete an account."""

        def act() -> bool:
            deleted = self.store.delete_if(key, version)
            if deleted:
                self.forgotten.add(key)
            return deleted

        return bool(self.call("delete", act, conflict=False))

    def assets_of_user(self, provider: str, user_id: str) -> list[str]:
        """The assets whose cars are in an account."""
        return list(self.call("assets", lambda: self.assets_in(Account(provider, user_id))))

    def assets_in(self, account: Account) -> list[str]:
        """The same, without a call."""
        return sorted(name for name, twin in self.twins.items() if account_of(twin.link.vehicle) == account)

    def add(self, site: str, key: str) -> None:
        """Note that a site uses an account."""
        self.call("note", lambda: self.used.add((site, key)))

    def of(self, site: str) -> list[str]:
        """The accounts that a site has used."""
        return list(self.call("noted", lambda: [key for name, key in self.used if name == site]))

    def remove(self, site: str, key: str) -> None:
        """Forget that a site used an account."""
        self.call("unnote", lambda: self.used.discard((site, key)))

    def twin(self, asset: str) -> Twin:
        """Read a twin."""
        found = self.call("twin", lambda: self.twins.get(asset))
        if found is None:
            raise UnknownAssetError(asset)
        return cast("Twin", found)

    def change_twin(self, asset: str, rule: Callable[[Twin], Twin], *, now: datetime) -> Change:
        """Change a twin; its events are kept."""
        del now

        def act() -> Change:
            if asset not in self.twins:
                raise UnknownAssetError(asset)
            before = replace(self.twins[asset], news=())
            after = rule(before)
            self.twins[asset] = replace(after, news=())
            self.news.setdefault(asset, []).extend(after.news)
            return Change(before, after)

        return cast("Change", self.call("change", act))

    # What happens.

    def instance(self) -> Instance:
        """A new execution environment."""
        return Instance(self)

    def sign_in(self, user: str) -> str:
        """The refresh token of a new sign-in of a driver."""
        return self.refresh_tokens.sign_in(user, self.now)

    def revoke(self, user: str) -> None:
        """The driver ends the access at the car maker."""
        self.refresh_tokens.revoke(user)
        self.access.clear()

    def put_site(self, site: str, cars: Cars, instance: Instance, *, check: bool = True) -> None:
        """``PUT`` a site: of each car its user and perhaps a refresh token; and ``check`` the accounts after it."""
        runtime = cast("Runtime", instance)
        vehicles = [(name, _vehicle(name, user), token) for name, (user, token) in cars.items()]
        to_check = keep_tokens(vehicles, site, runtime)
        pairs = [(self.twins.get(name), self._twin(site, name, vehicle)) for name, vehicle, _ in vehicles]
        begin_to_forget(accounts_given_up(pairs), runtime)
        self.call("commit", lambda: self.twins.update({after.link.asset: after for _, after in pairs}))
        forget_accounts(accounts_given_up(pairs), site, runtime)
        for account in sorted(to_check) if check else ():
            self.check(account, site)

    def check(self, account: Account, site: str | None = None) -> None:
        """Check an account in an environment of its own; what fails is left to the clock."""
        instance = self.instance()
        try:
            check_account(account, cast("Runtime", instance), onboarded=site)
        except Death:
            self.instances.remove(instance)
        except TokenStoreError:
            return

    def _twin(self, site: str, asset: str, vehicle: Vehicle) -> Twin:
        before = self.twins.get(asset)
        if before is not None and before.link.vehicle == vehicle:
            return before
        return a_twin(START, site=site, asset=asset, vehicle=vehicle)

    def delete_site(self, site: str, instance: Instance) -> None:
        """``DELETE`` a site: its cars' aliases first, the twins after."""
        runtime = cast("Runtime", instance)
        for name in [name for name, twin in self.twins.items() if twin.link.site == site]:
            account = account_of(self.twins[name].link.vehicle)
            given_up = {account} if account else set()
            begin_to_forget(given_up, runtime)
            self.call("release", lambda name=name: self.twins.pop(name, None))
            forget_accounts(given_up, site, runtime)
        forget_accounts(accounts_of_site(site, runtime), site, runtime)

    def command(self, asset: str, instance: Instance) -> str | None:
        """Command a car, as the function does; the access token it went out with, None if it did not."""
        runtime = cast("Runtime", instance)
        store_held_tokens(runtime)
        twin = self.twins.get(asset)
        account = account_of(twin.link.vehicle) if twin else None
        if account is None:
            return None
        try:
            token = account_tokens(account.provider, account.user_id, runtime).token()
        except TokenError as error:
            why = str(error)
            if error.needs_user:
                with suppress(UnknownAssetError):
                    self.change_twin(asset, lambda twin: _refused(twin, why, self.now), now=self.now)
            return None
        finally:
            store_held_tokens(runtime)
        return token

    def is_good(self, access: str | None) -> bool:
        """Whether the maker takes an access token."""
        return access in self.access and self.now < self.access[access][1]

    def pass_time(self, span: timedelta) -> None:
        """Let time pass. Every minute the clock queues what is due within 130 s, each to arrive when it is due."""
        end = self.now + span
        while self.now < end:
            self.now += STEP
            if self.now >= self.minute_at:
                self.minute_at = self.now + timedelta(minutes=1)
                for instance in self.instances:
                    store_held_tokens(cast("Runtime", instance))
                ahead = self.now + timedelta(seconds=130)
                due = {key: record.due for key, record in self.store.kept.items()}
                self.queue += [(at, key) for key, at in due.items() if at is not None and at <= ahead]
            arrived = {key for at, key in self.queue if at <= self.now}
            self.queue = [(at, key) for at, key in self.queue if at > self.now]
            for key in sorted(arrived):
                self.check(account_at(key))

    def attention(self, asset: str) -> int:
        """How often the driver was asked to connect the account."""
        return sum(entry.event == "NeedsAttention" for entry in self.news.get(asset, []))

    def reconnections(self, asset: str) -> int:
        """How often it was reported to the driver that the account works again."""
        return sum(entry.event == "Reconnected" for entry in self.news.get(asset, []))

    def is_connected(self, user: str) -> bool:
        """Whether the refresh token that is kept of an account would be taken."""
        record = self.store.kept.get(f"TOKEN#tesla#{user}")
        kept = record.refresh_token if record else None
        return kept is not None and self.refresh_tokens.takes(kept, self.now)

    def loss(self, user: str) -> str | None:
        """Why the maker's rules do not allow the access to survive; None where they do.

        The newest refresh token was granted and never reached the table, as the instance that it was granted to died
        or never had the answer.
        """
        if self.model == "24h":
            return None
        mine = [token for token in self.granted if token.startswith(f"{user}-refresh-")]
        newest = [token for token in mine if self.refresh_tokens.takes(token, self.now)]
        if any(token in self.ever_stored for token in newest) or not newest:
            return None
        return "died with the instance" if newest[-1] in self.delivered else "its answer was lost"

    def kept_tokens(self) -> list[str]:
        """Every refresh token that the maker takes and that is anywhere here."""
        found = [
            token
            for record in self.store.kept.values()
            for token in (record.refresh_token, record.previous, *(offer.token for offer in record.offers))
        ]
        found += [pair.granted.refresh_token for each in self.instances for pair in each.unstored_tokens.values()]
        return [token for token in found if token is not None and self.refresh_tokens.takes(token, self.now)]

    def counts(self) -> Counter[str]:
        """How many calls of each kind were made while they were counted."""
        return Counter(self.calls)


def _refused(twin: Twin, why: str, now: datetime) -> Twin:
    """The twin after a command was refused for the account, and its car is left alone for a while."""
    command = Command("1", "stop", "AXLE_SCHEDULE", "failed", now, now, now, outcome="NEEDS_USER")  # type: ignore[arg-type]
    control = replace(twin.control, command=command, failures=1, breaker_until=now + timedelta(minutes=30))
    return disconnected(replace(twin, control=control), why, now)


def attempt(world: ConnectionWorld, work: Callable[[Instance], object]) -> bool:
    """Let an instance do a request or a command; whether it came to its end."""
    instance = world.instance()
    try:
        work(instance)
    except Death:
        world.instances.remove(instance)
        return False
    except TokenStoreError:
        return False
    return True


def repeatedly(world: ConnectionWorld, work: Callable[[Instance], object]) -> None:
    """Let a caller repeat a request every five seconds until it succeeds."""
    for _ in range(40):
        if attempt(world, work):
            return
        world.pass_time(STEP)
    raise AssertionError("the request never succeeds")


def _vehicle(asset: str, user: str | None) -> Vehicle:
    return Vehicle("tesla", f"VIN-{asset}", user_id=user) if user else Vehicle("enode", f"enode-{asset}")


def cars(names: Sequence[str], user: str | None, token: str | None) -> Cars:
    """Cars of one account in a body."""
    return dict.fromkeys(names, (user, token))
