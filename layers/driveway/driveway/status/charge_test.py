"""The test charge of an asset: asked for, and shown step by step."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from driveway.domain.control.charge_test import StepReport, StepState, ask_charge_test, step_reports
from driveway.domain.control.required_command import schedule_window
from driveway.domain.preferences.changes import PreferenceChange
from driveway.domain.twin import ChargeTestStep, Twin
from driveway.domain.twin.reasons import Reason
from driveway.runtime.answer_types import ConnectPath, Instant, Text, connect_path, utc, utc_or_none
from driveway.runtime.context import Runtime


class TestChargeStep(Struct, frozen=True, kw_only=True):
    """A step of a test charge."""

    step: ChargeTestStep
    state: Annotated[
        StepState,
        Meta(description="`waiting`: it has not begun. `left_out`: the driver charges now, so the car is not stopped."),
    ]
    at: Annotated[Instant | None, Meta(description="When it passed, or when the test ended with it.")]
    reason: Reason | None
    text: Text
    advice: Annotated[str | None, Meta(description="What the driver can do.")]
    connect: ConnectPath | UnsetType = UNSET


class TestCharge(Struct, frozen=True, kw_only=True):
    """The latest test charge."""

    id: Annotated[str, Meta(description="The Idempotency-Key it came with, or an id of its own.")]
    state: Literal["running", "passed", "failed"]
    started_at: Annotated[Instant, Meta(description="When it was asked for.")]
    ended_at: Annotated[Instant | None, Meta(description="When it ended: after 45 minutes at the latest.")]
    steps: Annotated[list[TestChargeStep], Meta(description="In order. A step that fails ends the test.")]


class TestChargeAnswer(Struct, frozen=True, kw_only=True):
    """The test charge that runs."""

    test_charge: TestCharge | None


def charge_test_change(test_id: str, runtime: Runtime) -> PreferenceChange:
    """Begin a test charge; while one runs it goes on, and is what the answer shows."""
    return PreferenceChange(
        lambda twin, now: ask_charge_test(twin, now, test_id),
        lambda twin: TestChargeAnswer(test_charge=charge_test(twin, runtime)),
    )


def charge_test(twin: Twin, runtime: Runtime) -> TestCharge | None:
    """The latest test charge; None if there was none."""
    test, now, rules = twin.charge_test, runtime.now(), runtime.control_rules
    if test is None:
        return None
    steps = step_reports(twin, test, now, rules, schedule_window(twin, now, rules))
    return TestCharge(
        id=test.id,
        state=test.outcome or "running",
        started_at=utc(test.asked_at),
        ended_at=utc_or_none(test.ended_at),
        steps=[_step(one, twin.link.site) for one in steps],
    )


def _step(report: StepReport, site: str) -> TestChargeStep:
    return TestChargeStep(
        step=report.step,
        state=report.state,
        at=utc_or_none(report.at),
        reason=report.reason,
        text=report.text,
        advice=report.advice,
        connect=connect_path(site, report.reason),
    )
