"""The rules that presence keeps for any reports in any order."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from driveway.domain.presence.observation import Observation
from driveway.domain.presence.observe import observe, observe_all, presence_due
from driveway.domain.presence.rules import TEXTS, EffectKind, PresenceStep
from driveway.domain.twin import Observed, Presence
from tests.support.domain.presence_car import RULES, at

signals = st.fixed_dictionaries(
    {},
    optional={
        "plugged_in": st.booleans(),
        "at_home": st.booleans(),
        "charging": st.booleans(),
        "moving": st.booleans(),
        "reachable": st.booleans(),
        "battery_full": st.booleans(),
        "power_kw": st.sampled_from([0.0, 0.05, 7.0, -3.0]),
        "soc_pct": st.sampled_from([20.0, 20.4, 80.0]),
    },
)
reports = st.lists(st.tuples(st.integers(0, 7200), st.integers(0, 900), signals), max_size=25)


def steps_of(given_reports: list[tuple[int, int, dict[str, Any]]]) -> list[tuple[Presence, PresenceStep]]:
    arrived = sorted(given_reports, key=lambda report: report[0] + report[1])
    presence, steps = Presence(), []
    for seconds, late, signals in arrived:
        step = observe(
            presence, Observation(at=at(seconds), source="app", **signals), now=at(seconds + late), rules=RULES
        )
        steps.append((presence, step))
        presence = step.presence
    return steps


@given(reports)
def test_any_reports_give_a_consistent_state(given_reports: list[tuple[int, int, dict[str, Any]]]) -> None:
    for before, step in steps_of(given_reports):
        after = step.presence
        assert (after.held_plug_out is None) or (after.session is not None)
        if after.session is not None:
            assert after.plugged_in is not None
            assert after.plugged_in.value is True
            assert after.session.closed_at is None
            assert after.session.opened_at >= after.session.plugged_at
        if after.last_session is not None and after.last_session.closed_at is not None:
            assert after.last_session.closed_at >= after.last_session.opened_at
        opened = before.session is None and after.session is not None
        kinds = [effect.kind for effect in step.effects]
        assert not opened or EffectKind.PLUGGED_IN in kinds
        assert step.changed or (after.session, after.held_plug_out) == (before.session, before.held_plug_out)


@given(reports)
def test_no_signal_ever_goes_back_in_time(given_reports: list[tuple[int, int, dict[str, Any]]]) -> None:
    for before, step in steps_of(given_reports):
        for name in Presence.__struct_fields__:
            old, new = getattr(before, name), getattr(step.presence, name)
            if isinstance(old, Observed) and name != "pending_soc":
                assert isinstance(new, Observed)
                assert new.at >= old.at


@given(reports)
def test_every_effect_has_a_sentence_and_ignored_ones_have_no_entry(
    given_reports: list[tuple[int, int, dict[str, Any]]],
) -> None:
    for _, step in steps_of(given_reports):
        assert all(effect.text == TEXTS[effect.reason] for effect in step.effects)
        assert [entry.event for entry in step.entries] == [
            effect.kind.value for effect in step.effects if effect.kind is not EffectKind.IGNORED
        ]


@given(reports)
def test_a_batch_is_taken_in_order_of_time_and_settled(given_reports: list[tuple[int, int, dict[str, Any]]]) -> None:
    batch = [Observation(at=at(seconds), source="app", **signals) for seconds, _, signals in given_reports]
    now = at(9000)
    step = observe_all(Presence(), batch, now=now, rules=RULES)
    assert (
        step.presence == observe_all(Presence(), sorted(batch, key=lambda one: one.at), now=now, rules=RULES).presence
    )
    due = presence_due(step.presence)
    assert due is None or due > now


@given(reports)
def test_a_presence_survives_storage(given_reports: list[tuple[int, int, dict[str, Any]]]) -> None:
    for _, step in steps_of(given_reports):
        assert msgspec.json.decode(msgspec.json.encode(step.presence), type=Presence) == step.presence
