"""What is answered of an asset. The documented schemas are derived from these values."""

from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from driveway.domain.lifecycle import Condition, Lifecycle
from driveway.domain.preferences.answers import IntentAnswer, TariffAnswer, VehicleIntentAnswer
from driveway.domain.schedules.effective_schedule import Source
from driveway.domain.twin import AssetType, CommandAction, CommandState
from driveway.domain.twin.reasons import Reason
from driveway.runtime.answer_types import AppId, Instant, ReasonCode, Revision, Text
from driveway.status.axle_state import AxleState
from driveway.status.charge_test import TestCharge
from driveway.status.readings import Readings

Flag = Annotated[bool | None, Meta(description="Null: nothing is known.")]


class OpenSession(Struct, frozen=True, kw_only=True):
    """Plugged in at home."""

    id: str
    opened_at: Annotated[Instant, Meta(description="When it was plugged in and at home.")]


class CountingIntent(Struct, frozen=True, kw_only=True):
    """The intent that counts, and that is sent to Axle."""

    of: Annotated[Literal["asset", "vehicle"], Meta(description="Whose intent it is.")]
    vehicle_id: Annotated[str | None, Meta(description="The car that was named as plugged in; null: it is not known.")]
    intent: IntentAnswer
    text: Annotated[str, Meta(description="Why it counts, in a sentence.")]


class RunningChargeNow(Struct, frozen=True, kw_only=True):
    """The charge-now that runs."""

    id: Annotated[str, Meta(description="The Idempotency-Key it came with, or an id of its own.")]
    started_at: Annotated[Instant, Meta(description="When it began.")]
    until: Annotated[Instant, Meta(description="When it ends at the latest.")]
    kwh: Annotated[float | None, Meta(description="The amount, if one was asked for.")]
    metered_wh: Annotated[int | None, Meta(description="What the session had taken when it began.")]


class DesiredCharging(Struct, frozen=True, kw_only=True):
    """What the car should do now."""

    charge: Annotated[bool, Meta(description="Whether it should charge now.")]
    limit_kw: Annotated[float | None, Meta(description="At most; null while the car is left alone.")]
    source: Annotated[
        Annotated[str, Meta(extra_json_schema={"enum": [*get_args(Source), "test_charge"]})] | None,
        Meta(description="What decides; null while the car is left alone."),
    ]
    reason: Reason
    text: Text


class HeldBackCommand(Struct, frozen=True, kw_only=True):
    """Why a command that is wanted waits."""

    reason: Reason
    text: Text
    until: Annotated[Instant | None, Meta(description="When it is tried again; null: when something changes.")]


class NextEdge(Struct, frozen=True, kw_only=True):
    """The next change of the limit."""

    at: Annotated[Instant, Meta(description="When the limit changes.")]
    charge: Annotated[bool, Meta(description="To what.")]


class LatestCommand(Struct, frozen=True, kw_only=True):
    """The latest command to the car."""

    state: CommandState
    action: CommandAction
    at: Annotated[Instant, Meta(description="When it came to this state.")]
    reason: ReasonCode
    attempts: Annotated[int, Meta(ge=0, description="How often it was sent.")]
    detail: Annotated[str | None, Meta(description="The provider's own text.")]


class AssetPower(Struct, frozen=True, kw_only=True):
    """Whether it draws more than it was onboarded with."""

    onboarded_kw: Annotated[float, Meta(ge=0, description="The power that the asset was onboarded with.")]
    suggested_kw: Annotated[
        float | None,
        Meta(description="What it was seen to draw three times; energy above its own is not counted."),
    ]
    since: Annotated[Instant | None, Meta(description="When it was first seen to.")]


class UnmetCondition(Struct, frozen=True, kw_only=True):
    """What is missing for smart charging."""

    condition: Condition
    text: Annotated[str, Meta(description="What the driver can do.")]


class AssetBanner(Struct, frozen=True, kw_only=True):
    """The state that an app can show as its banner."""

    state: Lifecycle
    text: Annotated[str, Meta(description="The state in a sentence.")]
    unmet: Annotated[list[UnmetCondition], Meta(description="What is missing for smart charging.")]


class DepartureForecast(Struct, frozen=True, kw_only=True):
    """What is expected by the next departure."""

    ready_by: Annotated[Instant, Meta(description="The next departure.")]
    wanted_kwh: Annotated[float, Meta(ge=0, description="What was asked for.")]
    missing_kwh: Annotated[float, Meta(ge=0, description="What will be missing if the plan is carried out.")]
    text: Text


class Asset(Struct, frozen=True, kw_only=True):
    """An asset: what it does, why, and what comes next."""

    asset: AppId
    site: AppId
    type: AssetType
    axle_asset_id: Annotated[str, Meta(description="Axle's id.")]
    enrolled: Annotated[bool, Meta(description="Whether it takes part.")]
    plugged_in: Flag
    at_home: Flag
    charging: Flag
    power_kw: Annotated[float | None, Meta(description="Charging power.")]
    soc_pct: Annotated[float | None, Meta(description="State of charge.")]
    session: OpenSession | None
    tariff: TariffAnswer
    intent: IntentAnswer
    vehicle_intents: Annotated[
        dict[str, VehicleIntentAnswer], Meta(description="The own intents of cars, by vehicle id.")
    ]
    intent_in_force: CountingIntent
    charge_now: RunningChargeNow | None
    desired: DesiredCharging
    held_back: HeldBackCommand | None
    next_edge: NextEdge | None
    command: LatestCommand | None
    axle: AxleState
    readings: Readings
    power: AssetPower
    banner: AssetBanner
    forecast: Annotated[
        DepartureForecast | None,
        Meta(description="Null while the car is not plugged in at home, or has no departure."),
    ]
    test_charge: TestCharge | None
    needs_user: Annotated[str | None, Meta(description="What the driver must do at the car's maker.")]
    connect: Annotated[
        str | None,
        Meta(description="Where the app gets the link to connect the account again (`POST` with the asset), or a car."),
    ]
    snoozed_until: Annotated[Instant | None, Meta(description="Until when smart charging is paused.")]
    revision: Revision


ANSWERS = (Asset,)
