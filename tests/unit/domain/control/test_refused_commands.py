"""What a driver reads of a command that was refused."""

from datetime import UTC, datetime, timedelta

import pytest

from driveway.domain.control.command_answers import answered
from driveway.domain.control.settings import ControlRules
from driveway.domain.twin import Command, OutcomeKind
from driveway.values import replace
from tests.support.domain.control_car import new_twin

NOW = datetime(2026, 1, 15, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("Enode has a fault.", "The car maker answered: Enode has a fault."),
        ("", "The car maker could not carry it out now."),
    ],
)
def test_a_refusal_has_the_car_makers_words_or_a_sentence_of_its_own(words: str, text: str) -> None:
    sent = Command("one", "start", "AXLE_SCHEDULE", "sent", NOW, NOW, NOW + timedelta(days=1), sent_at=NOW, attempts=1)
    twin = new_twin()
    twin = replace(twin, control=replace(twin.control, command=sent))
    after = answered(
        twin, "one", outcome=OutcomeKind.RETRYABLE, detail=words, now=NOW, rules=ControlRules(), spread=0.5
    )
    (refused,) = (entry for entry in after.news if entry.event == "CommandRefused")
    assert refused.text == text
