"""The test charge of an asset: asked for, and shown step by step."""

from typing import Any

from driveway.domain.control.charge_test import StepReport, ask_charge_test, step_reports
from driveway.domain.control.required_command import schedule_window
from driveway.domain.instants import utc_text, utc_text_or_none
from driveway.domain.preferences.changes import PreferenceChange
from driveway.domain.twin import Twin
from driveway.runtime.context import Runtime


def charge_test_change(test_id: str, runtime: Runtime) -> PreferenceChange:
    """Begin a test charge; while one runs it goes on, and is what the answer shows."""
    return PreferenceChange(
        lambda twin, now: ask_charge_test(twin, now, test_id), lambda twin: {"test_charge": charge_test(twin, runtime)}
    )


def charge_test(twin: Twin, runtime: Runtime) -> dict[str, Any] | None:
    """The latest test charge; None if there was none."""
    test, now, rules = twin.charge_test, runtime.now(), runtime.control_rules
    if test is None:
        return None
    steps = step_reports(twin, test, now, rules, schedule_window(twin, now, rules))
    return {
        "id": test.id,
        "state": test.outcome or "running",
        "started_at": utc_text(test.asked_at),
        "ended_at": utc_text_or_none(test.ended_at),
        "steps": [_step(one) for one in steps],
    }


def _step(report: StepReport) -> dict[str, Any]:
    return {
        "step": report.step,
        "state": report.state,
        "at": utc_text_or_none(report.at),
        "reason": report.reason.value if report.reason is not None else None,
        "text": report.text,
        "advice": report.advice,
    }
