"""What support and operators are answered: assets in lists, nights of all homes, and the acts.

The documented schemas are derived from these values: a field's description is its documentation.
"""

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from driveway.domain.attention import ADVICE
from driveway.domain.sessions.verdict import Verdict
from driveway.domain.twin import AssetType
from driveway.runtime.answer_types import AppId, Instant

NightDate = Annotated[date, Meta(description="The date of its evening; a night goes from noon to noon.")]
VerdictCode = Annotated[Verdict, Meta(description="The verdict, a code.")]
Cause = Annotated[str, Meta(description="Its cause.")]
Next = Annotated[
    str | None, Meta(description="For `after`, which gives the rows after these; null: these are the last.")
]
Count = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float | None, Meta(description="Seconds; null: no command was sent.")]


class Caller(Struct, frozen=True, kw_only=True):
    """The bearer of a token."""

    name: Annotated[str, Meta(description="The token's name.")]
    scope: Literal["support", "operator"]


class Attention(Struct, frozen=True, kw_only=True):
    """Why an asset needs attention."""

    reason: Annotated[
        str, Meta(description="A reason code.", extra_json_schema={"enum": [reason.value for reason in ADVICE]})
    ]
    text: Annotated[str, Meta(description="What is wrong and what helps.")]
    since: Annotated[Instant | None, Meta(description="Since when it needs attention; null in an answer to `find`.")]


class ListedAsset(Struct, frozen=True, kw_only=True):
    """An asset in a list."""

    asset: AppId
    site: AppId
    type: AssetType
    attention: Annotated[Attention | None, Meta(description="Null: the asset needs nobody.")]


class ListedAssets(Struct, frozen=True, kw_only=True):
    """A page of assets."""

    asked_at: Annotated[Instant, Meta(description="When it was asked for.")]
    assets: list[ListedAsset]
    next: Next


class VerdictCount(Struct, frozen=True, kw_only=True):
    """How many sessions of a night have a verdict."""

    verdict: VerdictCode
    sessions: Annotated[int, Meta(ge=1)]
    text: Cause


class OutcomeCount(Struct, frozen=True, kw_only=True):
    """How many commands of a night had an outcome."""

    outcome: Annotated[str, Meta(description="The event that ended the commands, or `open`.")]
    commands: Annotated[int, Meta(ge=1)]
    text: Annotated[str, Meta(description="What the outcome means.")]


class NightEnergy(Struct, frozen=True, kw_only=True):
    """The energy of a night."""

    in_plan_kwh: Annotated[float, Meta(description="Inside the plan.")]
    out_of_plan_kwh: Annotated[float, Meta(description="Outside it.")]


class NightLateness(Struct, frozen=True, kw_only=True):
    """How long after its edge a command was sent."""

    commands: Annotated[Count, Meta(description="The commands that were sent.")]
    median_s: Seconds
    p95_s: Seconds
    worst_s: Seconds


class NightOfAll(Struct, frozen=True, kw_only=True):
    """The sums of a night of all homes."""

    night: NightDate
    judged_at: Annotated[Instant | None, Meta(description="When the sums were made; null: no session was judged yet.")]
    sessions: Annotated[Count, Meta(description="Sessions.")]
    ready: Annotated[Count, Meta(description="Those that had what was asked for by the ready-by.")]
    short: Annotated[Count, Meta(description="Those that had not.")]
    verdicts: list[VerdictCount]
    energy: NightEnergy
    commands: list[OutcomeCount]
    lateness: NightLateness
    axle_in_sync: Annotated[Count, Meta(description="Sessions of which Axle had acknowledged everything.")]
    completeness: Annotated[float, Meta(ge=0, le=1, description="The share of half-hours that are measured.")]


class NightSession(Struct, frozen=True, kw_only=True):
    """A session in the list of a night."""

    asset: AppId
    session: Annotated[str, Meta(description="The session's id.")]
    energy_kwh: Annotated[float, Meta(description="What it took in the night.")]
    verdict: VerdictCode
    text: Cause


class NightSessions(Struct, frozen=True, kw_only=True):
    """A page of the sessions of a night."""

    night: NightDate
    sessions: list[NightSession]
    next: Next


class Looked(Struct, frozen=True, kw_only=True):
    """The car maker is asked for the state of a car."""

    asset: AppId
    text: Annotated[str, Meta(description="What happens now.")]


class ReportedAgain(Struct, frozen=True, kw_only=True):
    """Half-hours that Axle refused are reported again."""

    asset: AppId
    due: Annotated[Count, Meta(description="Half-hours that go to Axle again.")]
    complete: Annotated[bool, Meta(description="False: there are more; repeat the call.")]
    text: Annotated[str, Meta(description="What happens now.")]


class ControlSwitch(Struct, frozen=True, kw_only=True):
    """The operator's switch for everything."""

    state: Literal["running", "released"]
    since: Annotated[Instant | None, Meta(description="When it was put there. Null: never.")]


class CarsHeld(Struct, frozen=True, kw_only=True):
    """How many cars may be kept from charging as their drivers chose, of those that have anything ahead."""

    held: Annotated[Count, Meta(description="Cars that are not released.")]
    counted_all: Annotated[bool, Meta(description="False: there are too many to count in time.")]


class ControlStatus(ControlSwitch, frozen=True, kw_only=True):
    """The switch, and how many cars our commands may still hold."""

    cars_held: CarsHeld


ANSWERS = (ControlSwitch, ControlStatus, Caller, ListedAssets, NightOfAll, NightSessions, Looked, ReportedAgain)
