"""A test charge, as a driver runs it after sign-up: is the car connected, at home, plugged in, and does it obey? Pure.

Five steps, each with a time that ends it: ``connection``, ``place`` and ``plug`` wait for reports of the car; ``start``
and ``stop`` are ordinary commands, within the car's budgets. While a step commands, it says what is desired in place of
the plan (``desired``). When the test is over, however it ended, the plan counts again, so no state of a test can keep a
car from charging. A charge-now of the driver outranks it.
"""

from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from driveway.domain.control.charge_test_texts import ADVICE, FAILED_TEXTS, PASSED_TEXTS, RUNNING_TEXTS
from driveway.domain.control.command_states import HOPELESS_REASONS, OPEN
from driveway.domain.control.desired import LEFT_ALONE_TEXTS, is_testing, left_alone
from driveway.domain.control.protection import guard
from driveway.domain.control.required_command import is_full, observed_state_matches, required_command
from driveway.domain.control.settings import ControlRules
from driveway.domain.control.vehicle_requests import last_report_at, with_state_read
from driveway.domain.enrolment import check_takes_part
from driveway.domain.schedules.schedule_window import ScheduleWindow
from driveway.domain.twin import CHARGE_TEST_STEPS, ChargeTest, ChargeTestStep, Entry, Presence, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import SENTENCES, Reason
from driveway.values import replace

PREPARED_WITHIN = timedelta(minutes=10)
"""Connection, place and plug together: time to go out and plug the car in."""
STARTED_WITHIN = timedelta(minutes=20)
"""Chargers delay a start by up to ten minutes at random, and a car that sleeps is tried again."""
STOPPED_WITHIN = timedelta(minutes=15)
READ_AGAIN_AFTER = timedelta(minutes=10)
"""The state of a car whose latest report is older is read when a test begins."""

_WITHIN: dict[ChargeTestStep, timedelta] = {"start": STARTED_WITHIN, "stop": STOPPED_WITHIN}


class StepVerdict(Struct, frozen=True):
    """What a step shows now: it passed, it failed or was left out for a reason, or it waits because of one."""

    state: str
    reason: Reason | None = None


PASSED = StepVerdict("passed")


def ask_charge_test(twin: Twin, now: datetime, test_id: str) -> Twin:
    """The twin with a test charge that begins at ``now`` (aware UTC); the same twin while one runs.

    Raises:
        NotEnrolledError: the site does not take part, so its car cannot be commanded.
    """
    check_takes_part(twin.link, "The site is not enrolled, so we do not control its cars. Enrol it first.")
    known = twin.charge_test
    if known is not None and (known.ended_at is None or known.id == test_id):
        return twin
    test = ChargeTest(test_id, asked_at=now, since=now, until=now + PREPARED_WITHIN, failures=twin.control.failures)
    text = "A test charge began. We check the connection and the place, then start and stop your car once."
    after = replace(twin, charge_test=test).tell(Entry(now, Event.TEST_CHARGE_STARTED, Reason.TEST_CHARGE, text))
    reported_at = last_report_at(twin.presence)
    is_fresh = reported_at is not None and now - reported_at < READ_AGAIN_AFTER
    return after if is_fresh or twin.link.vehicle is None else with_state_read(after, now)


def with_charge_test(twin: Twin, now: datetime, rules: ControlRules, schedule: ScheduleWindow) -> Twin:
    """The twin whose test charge went as far as reports and time let it at ``now`` (aware UTC)."""
    while (test := twin.charge_test) is not None and test.ended_at is None:
        verdict = _verdict(twin, test, now, rules, schedule)
        if verdict.state == "waiting":
            if now < test.until:
                return twin
            verdict = StepVerdict("failed", verdict.reason)
        twin = _advanced(twin, test, verdict, now)
    return twin


def charge_test_due(twin: Twin) -> datetime | None:
    """When the running step ends at the latest (aware UTC); None without a test that runs."""
    test = twin.charge_test
    return test.until if test is not None and test.ended_at is None else None


def _advanced(twin: Twin, test: ChargeTest, verdict: StepVerdict, now: datetime) -> Twin:
    passed = {**test.passed, test.step: now} if verdict.state == "passed" else test.passed
    last = test.step == CHARGE_TEST_STEPS[-1]
    if verdict.state == "passed" and not last:
        step = CHARGE_TEST_STEPS[CHARGE_TEST_STEPS.index(test.step) + 1]
        within = _WITHIN.get(step)
        until = now + within if within is not None else test.until
        going_on = replace(test, step=step, since=now, until=until, passed=passed, failures=twin.control.failures)
        return replace(twin, charge_test=going_on)
    outcome: Literal["passed", "failed"] = "failed" if verdict.state == "failed" else "passed"
    over = replace(test, passed=passed, ended_at=now, outcome=outcome, reason=verdict.reason)
    return replace(twin, charge_test=over).tell(_ending(over, verdict.reason, now))


def _ending(over: ChargeTest, reason: Reason | None, now: datetime) -> Entry:
    if over.outcome == "passed":
        text = "The test charge passed: your car is ready for smart charging."
        return Entry(now, Event.TEST_CHARGE_PASSED, reason or Reason.TEST_CHARGE_PASSED, text, {"test_id": over.id})
    why = reason or Reason.NOT_CONFIRMED_IN_TIME
    text = f"The test charge did not pass. {text_of(why)} {ADVICE.get(why, '')}".strip()
    return Entry(now, Event.TEST_CHARGE_FAILED, why, text, {"test_id": over.id, "step": over.step})


def text_of(reason: Reason) -> str:
    """The sentence for a driver on why a step failed or waits."""
    return FAILED_TEXTS.get(reason) or LEFT_ALONE_TEXTS.get(reason) or SENTENCES[reason]


def _verdict(twin: Twin, test: ChargeTest, now: datetime, rules: ControlRules, schedule: ScheduleWindow) -> StepVerdict:
    alone = left_alone(twin, now)
    if alone in {Reason.NOT_ENROLLED, Reason.RELEASED_BY_OPERATOR, Reason.SNOOZED, Reason.NO_VEHICLE_LINKED}:
        return StepVerdict("failed", alone)
    if twin.presence.needs_user is not None:
        return StepVerdict("failed", Reason.PROVIDER_NEEDS_USER)
    if test.step == "connection":
        return _connection(twin.presence) if twin.link.vehicle else StepVerdict("failed", Reason.NO_VEHICLE_LINKED)
    if test.step == "place":
        return _place(twin.presence)
    if twin.presence.session is None or alone is not None:
        state = "waiting" if test.step == "plug" else "failed"
        return StepVerdict(state, alone or Reason.NOT_PLUGGED_IN)
    return PASSED if test.step == "plug" else _commanded(twin, test, now, rules, schedule)


def _connection(presence: Presence) -> StepVerdict:
    if presence.reachable is not None and not presence.reachable.value:
        return StepVerdict("waiting", Reason.CAR_OUT_OF_REACH)
    if presence.plugged_in is None:
        return StepVerdict("waiting", Reason.PLUG_UNKNOWN)
    return PASSED


def _place(presence: Presence) -> StepVerdict:
    if presence.doubt is not None:
        return StepVerdict("waiting", Reason.HOME_IN_DOUBT)
    if presence.at_home is None:
        return StepVerdict("waiting", Reason.HOME_UNKNOWN)
    return PASSED if presence.at_home.value else StepVerdict("waiting", Reason.NOT_AT_HOME)


def _commanded(
    twin: Twin, test: ChargeTest, now: datetime, rules: ControlRules, schedule: ScheduleWindow
) -> StepVerdict:
    """Whether the car shows what ``start`` or ``stop`` asked for, or cannot be asked any more."""
    charging, action = twin.presence.charging, test.step
    if action == "stop" and not is_testing(twin, now) and now < test.until:
        return StepVerdict("left_out", Reason.CHARGE_NOW)
    is_new = charging is not None and (action == "start" or charging.at >= test.since)
    if is_new and observed_state_matches(twin, "start" if action == "start" else "stop"):
        return PASSED
    if action == "start" and is_full(twin):
        return StepVerdict("failed", Reason.BATTERY_FULL)
    failed = _failure(twin, test)
    if failed is not None:
        return StepVerdict("failed", failed)
    held_back = _held_back(twin, test, now, rules, schedule)
    if held_back is not None:
        return held_back
    return StepVerdict("waiting", Reason.CHARGING_UNKNOWN if charging is None else Reason.NOT_CONFIRMED_IN_TIME)


def _failure(twin: Twin, test: ChargeTest) -> Reason | None:
    """Why the command of this step was given up; None if it was not."""
    command = twin.control.command
    ended_now = command is not None and command.ended_at is not None and command.ended_at >= test.since
    if command is not None and ended_now and command.state == "failed" and command.action == test.step:
        return HOPELESS_REASONS.get(command.outcome, Reason.COMMAND_FAILED)
    return Reason.COMMAND_FAILED if twin.control.failures > test.failures else None


def _held_back(
    twin: Twin, test: ChargeTest, now: datetime, rules: ControlRules, schedule: ScheduleWindow
) -> StepVerdict | None:
    command = twin.control.command
    if command is not None and command.state in OPEN:
        return None
    wanted = required_command(twin, now, rules, schedule)
    held_back = guard(twin, wanted, now, rules) if wanted is not None else None
    if held_back is None:
        return None
    waits = held_back.until is not None and held_back.until < test.until
    return StepVerdict("waiting" if waits else "failed", held_back.reason)


StepState = Literal["waiting", "running", "passed", "failed", "left_out"]


class StepReport(Struct, frozen=True):
    """A step of a test charge as the app shows it. ``at``: when it passed or the test ended with it (aware UTC)."""

    step: ChargeTestStep
    state: StepState
    at: datetime | None
    reason: Reason | None
    text: str
    advice: str | None


def step_reports(
    twin: Twin, test: ChargeTest, now: datetime, rules: ControlRules, schedule: ScheduleWindow
) -> tuple[StepReport, ...]:
    """Every step of a test charge in order: passed, running, failed, left out, or not begun (``waiting``)."""
    return tuple(_report(step, twin, test, now, rules, schedule) for step in CHARGE_TEST_STEPS)


def _report(
    step: ChargeTestStep, twin: Twin, test: ChargeTest, now: datetime, rules: ControlRules, schedule: ScheduleWindow
) -> StepReport:
    if step in test.passed:
        return StepReport(step, "passed", test.passed[step], None, PASSED_TEXTS[step], None)
    if step != test.step:
        return StepReport(step, "waiting", None, None, RUNNING_TEXTS[step], None)
    if test.ended_at is None:
        reason = _verdict(twin, test, now, rules, schedule).reason
        return StepReport(step, "running", None, reason, RUNNING_TEXTS[step], ADVICE.get(reason) if reason else None)
    reason = Reason(test.reason) if test.reason else Reason.NOT_CONFIRMED_IN_TIME
    state: StepState = "failed" if test.outcome == "failed" else "left_out"
    return StepReport(step, state, test.ended_at, reason, text_of(reason), ADVICE.get(reason))
