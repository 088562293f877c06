"""The commands of one delivery of a provider's queue: each dropped, queued again, or sent with the others side by side.

A command is planned a minute or two before its time. So most are first queued again with the delay that is left, and
then sent with those of the same time. They are delivered up to two seconds early, because Lambda takes a second to fill
a delivery and delays are whole seconds. The rest is waited out, as is the time until a command that was planned in the
last two seconds. How many are sent is the provider's rate, which all instances share. What finds no call left within a
second or two gets a turn, and is queued again until then.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from driveway.commands.rate import wait_for_turn
from driveway.outbox.wakeups import EARLY_S, LONGEST_DELAY_S, MOST_IN_A_BATCH
from driveway.runtime.context import Runtime
from driveway.runtime.metrics import emit
from driveway.store.pacing import LAST

Detail = dict[str, Any]
Carry = Callable[[Detail, Runtime], None]

MOST_AT_ONCE = 100
"""As many as a delivery holds (``BatchSize``)."""

FILLS_S = 1.0
"""How long Lambda takes at most to fill a delivery (``MaximumBatchingWindowInSeconds``)."""

FAR_BEHIND = timedelta(minutes=2)
"""A command whose turn is so long after its time waits on its twin, where its driver sees why.

So does one that has waited so long beyond the turn that its twin names. Half a minute later it would count as lost.
"""

URGENT_REASONS = frozenset({"CHARGE_NOW", "MINIMUM_SOC", "RELEASED", "GAVE_UP_RELEASED", "READY_BY_ESCALATION"})
TIGHT = timedelta(hours=1)
"""A start whose car needs all the time until its ready-by but this goes before other starts."""


class _Held(Struct, frozen=True):
    """A command, with the id of its message."""

    message: str
    detail: Detail

    def at(self, name: str) -> datetime | None:
        text = self.detail.get(name)
        return datetime.fromisoformat(text) if text else None

    @property
    def provider(self) -> str:
        account = self.detail.get("account")
        return str(account).split("#")[1] if account else str(self.detail["provider"])

    @property
    def due(self) -> datetime | None:
        """When it may be sent: at its time, at its turn."""
        return max((at for at in (self.at("not_before"), self.at("due"), self.at("turn")) if at), default=None)

    def urgency(self, now: datetime) -> int:
        """The class of its call: 0 is the most urgent."""
        if self.detail.get("action") in {"stop", "restore_current"} or self.detail.get("reason") in URGENT_REASONS:
            return 0
        start_by = self.at("start_by")
        if start_by is not None and start_by - now < TIGHT:
            return 1
        # Every car gets its first start before another one gets its second.
        return LAST if self.detail.get("attempts") else LAST - 1


def send_batch(records: Sequence[Mapping[str, Any]], carry: Carry, runtime: Runtime) -> dict[str, Any]:
    """Deal with the messages of a delivery; gives Lambda's partial-batch answer. A failed one is delivered again."""
    now, failed = runtime.now(), set[str]()
    held = _unexpired(records, now, failed, runtime)
    soon = now + max(runtime.control_rules.lead, runtime.clock.real_time(EARLY_S + FILLS_S))
    early = [(one, due) for one in held if (due := one.due) is not None and due > soon]
    _queue_again([(one, due - runtime.clock.real_time(FILLS_S)) for one, due in early], failed, runtime)
    queued = {id(one) for one, _ in early}
    sent: list[tuple[_Held, datetime | None]] = []
    for group in _by_provider_and_urgency([one for one in held if id(one) not in queued], now):
        try:
            sent += _with_calls(group, failed, runtime)
        except Exception:
            runtime.logger.exception("records failed")
            failed |= {one.message for one in group}
    _side_by_side(sent, carry, failed, runtime)
    return {"batchItemFailures": [{"itemIdentifier": message} for message in sorted(failed)]}


def _unexpired(records: Sequence[Mapping[str, Any]], now: datetime, failed: set[str], runtime: Runtime) -> list[_Held]:
    held = []
    for record in records:
        try:
            one = _Held(record["messageId"], json.loads(record["body"]))
            ends, _ = one.at("expires_at"), (one.provider, one.due)
        except (ValueError, TypeError, LookupError, AttributeError):
            runtime.logger.exception("record failed")
            failed.add(record["messageId"])
            continue
        if ends is not None and ends <= now:
            runtime.logger.info("expired", extra={"command_id": one.detail.get("command_id")})
        else:
            held.append(one)
    return held


def _by_provider_and_urgency(held: Iterable[_Held], now: datetime) -> list[list[_Held]]:
    groups: dict[tuple[int, str], list[_Held]] = {}
    for one in sorted(held, key=lambda one: (one.urgency(now), one.detail.get("start_by") or "~")):
        kind = "account" if "account" in one.detail else "command"
        groups.setdefault((one.urgency(now), f"{kind} {one.provider}"), []).append(one)
    return list(groups.values())


def _with_calls(group: list[_Held], failed: set[str], runtime: Runtime) -> list[tuple[_Held, datetime | None]]:
    """The commands of a group that get a call of the provider's rate, each with its time; the others are queued."""
    if "account" in group[0].detail:
        return [(one, None) for one in group]
    now = runtime.now()
    provider, urgency = group[0].provider, group[0].urgency(now)
    # The calls of an edge are those from the edge on: what is taken before it would all be made at it.
    first = max(now, min(one.due or now for one in group))
    taken = runtime.pacing.take(provider, len(group), urgency, first)
    if waiting := group[len(taken.starts) :]:
        _wait(waiting, provider, urgency, taken.free_at, failed, runtime)
    return list(zip(group, taken.starts, strict=False))


def _wait(
    waiting: list[_Held], provider: str, urgency: int, free_at: datetime, failed: set[str], runtime: Runtime
) -> None:
    """Give commands a turn and queue them again until then. Those that had a turn wait for the next free call.

    After a pause of a provider without a rate they come back spread over a minute.
    """
    new = [one for one in waiting if "turn" not in one.detail or urgency == LAST]
    turns = dict(zip(map(id, new), runtime.pacing.turns(provider, len(new), urgency, free_at), strict=True))
    runtime.logger.info("behind", extra={"provider": provider, "commands": len(waiting)})
    emit({"CommandsWaiting": len(waiting)}, runtime, provider=provider)
    pairs = []
    for one in waiting:
        turn = max(turns.get(id(one), free_at), runtime.now() + runtime.clock.real_time(1.0))
        turn = turn if runtime.pacing.has_rate(provider) else runtime.breakers.comeback(turn, runtime.now())
        if turn - (one.at("noted") or one.at("not_before") or runtime.now()) > FAR_BEHIND:
            expires_at = wait_for_turn(one.detail, turn, runtime)
            one.detail.update({"expires_at": expires_at.isoformat()} if expires_at else {})
            one.detail["noted"] = turn.isoformat()
        one.detail["turn"] = turn.isoformat()
        pairs.append((one, turn))
    _queue_again(pairs, failed, runtime)


def _side_by_side(
    held: Sequence[tuple[_Held, datetime | None]], carry: Carry, failed: set[str], runtime: Runtime
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def one(pair: tuple[_Held, datetime | None]) -> None:
        command, at = pair
        try:
            if at is not None:
                runtime.clock.sleep_until(at)
            carry(command.detail, runtime)
        except Exception:
            runtime.logger.exception("record failed", extra={"asset": command.detail.get("asset")})
            failed.add(command.message)

    if len(held) == 1:
        one(held[0])
    elif held:
        _ = runtime.dynamodb, runtime.http, runtime.queues, runtime.breakers, runtime.budgets, runtime.table
        with ThreadPoolExecutor(min(len(held), MOST_AT_ONCE)) as pool:
            list(pool.map(one, held))


def _queue_again(held: Sequence[tuple[_Held, datetime]], failed: set[str], runtime: Runtime) -> None:
    """Queue commands again until a time each; one that is refused is delivered again."""
    for provider in dict.fromkeys(one.provider for one, _ in held):
        its = [(one, at) for one, at in held if one.provider == provider]
        for first in range(0, len(its), MOST_IN_A_BATCH):
            _send_messages(provider, its[first : first + MOST_IN_A_BATCH], failed, runtime)


def _send_messages(provider: str, held: Sequence[tuple[_Held, datetime]], failed: set[str], runtime: Runtime) -> None:
    now, url = runtime.now(), runtime.settings.text(f"{provider.upper()}_COMMANDS_QUEUE_URL")
    entries: list[Any] = [
        {
            "Id": str(number),
            "MessageBody": json.dumps(one.detail, separators=(",", ":")),
            "DelaySeconds": min(LONGEST_DELAY_S, int(runtime.clock.real_s(at - now))),
        }
        for number, (one, at) in enumerate(held)
    ]
    try:
        answer = runtime.queues.send_message_batch(QueueUrl=url, Entries=entries)
        refused = {int(one["Id"]) for one in answer.get("Failed", ())}
    except (ClientError, BotoCoreError):
        runtime.logger.exception("not queued again")
        refused = set(range(len(held)))
    failed.update(held[number][0].message for number in refused)
