"""What a simulated car is and how it misbehaves: the bodies of the control API."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Provider = Literal["enode", "smartcar", "tesla", "ocpp"]
NoTime = Literal["0", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z"]
ActionFault = Literal["never_confirmed", "confirmed_without_effect", "fails"]


class Strict(BaseModel):
    """A body in which an unknown field is an error, not a wish that is silently ignored."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class Place(Strict):
    """WGS 84 degrees."""

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)


class WebhookFaults(Strict):
    """How webhooks go astray. The first four are probabilities; spans are in simulated seconds."""

    drop: float = Field(0.0, ge=0, le=1)
    duplicate: float = Field(0.0, ge=0, le=1)
    late: float = Field(0.0, ge=0, le=1)
    reorder: float = Field(0.0, ge=0, le=1)
    late_s: float = Field(120.0, ge=0)
    reorder_s: float = Field(60.0, ge=0)


class MeterSpec(Strict):
    """How the registers behave that a car, or its charger, shows: of a charge, and of all energy.

    Attributes:
        register_kind: when it starts again; ``zero_while_idle`` starts at the plug-in and shows 0 while nothing flows.
        drain_w: by how much it sinks while the car is plugged in and does not charge.
        shows_zero_too: every report of it is followed by another one, a second later, in which it is 0.
        last_value_late_s: at the end of a charge it shows what it showed at the last report before, and the last value
            only so many seconds later.
        resolution_wh: the steps in which it counts; 0 is as fine as can be.
        lifetime_start_wh: what the register of all energy shows when the car is added.
        lifetime_modulus_wh: where that register rolls over to 0; None: never.
        replaced_at_plug_out: after each plug-out a new meter is there, whose register of all energy starts at 0.
    """

    register_kind: Literal["per_plug_in", "per_charge", "zero_while_idle"] = "per_plug_in"
    drain_w: float = Field(0.0, ge=0)
    shows_zero_too: bool = False
    last_value_late_s: float = Field(0.0, ge=0)
    resolution_wh: float = Field(0.0, ge=0)
    lifetime_start_wh: float = Field(0.0, ge=0)
    lifetime_modulus_wh: float | None = Field(None, gt=0)
    replaced_at_plug_out: bool = False


class CarSpec(Strict):
    """A car's fixed properties and its faults. Every field may be changed while the simulator runs.

    Attributes:
        vehicle_id: the provider's id; the VIN for Tesla, the charger's id for ``ocpp``.
        asset: the app's own id of the charger, in the address observations are posted to (``ocpp`` only).
        auto_start: whether plugging in starts charging by itself.
        asleep: commands do not reach the car until it is woken (Tesla) or set awake.
        reachable: False freezes what the provider says of the car and silences its webhooks. Enode reports that once.
        governed: the provider's own schedule owns the car (Enode answers 422).
        vendor: the make as the provider names it.
        seems_unplugged_while_stopped: the provider reports "unplugged" for as long as our stop lasts. A start still
            reaches the car.
        starting_sticks: the state stays at "starting" while the car charges; the power is right.
        reports_charging: False leaves out whether the car charges, as an app does that knows plug and power only.
        reports_cable: False leaves out the cable: the car has no such signal.
        reports_power: False leaves out the power.
        reports_place: False leaves out every position and home signal: the driver does not share the car's location.
        waits_when_limit_raised: a full car whose charge limit is raised does not continue before it gets a start.
        account_connected: False refuses every call about the car because the driver's account is disconnected. That it
            comes back is reported by nothing.
        linked: False: the connection has ended. The provider does not know the vehicle any more (Enode, Smartcar).
        subscribed: False: no webhook is sent of the vehicle (Smartcar).
        telemetry: False: the car has no telemetry configuration, and sends nothing (Tesla).
        lie_unplugged_after_stop_s: for so long after an obeyed stop the provider claims that the cable is out.
        command_delay_s: from the provider's order to the car's obeying, as with a charge point's random delay.
        action_fault: what goes wrong with a command although the provider took it.
        refuses_after_starts: after so many starts in a session the car refuses until it is plugged in again.
        below_least: what the car does when it is offered less than the least current of IEC 61851 (6 A per phase).
        meter: how its register behaves.
        schedule_edges_override: a stored schedule's edge ends an earlier start or stop command.
        default_profiles_apply: a charger applies a TxDefaultProfile that is set, or cleared, during a transaction at
            once or to the next transaction only (``ocpp`` only; OCPP 1.6 §3.13.1 allows both).
        takes_transaction_profiles: False rejects every TxProfile (``ocpp`` only).
        driver_amps: the charging current (A per phase) that the driver chose in the car; None: its greatest.
        ignores_amps: the car takes a charging current from others and keeps its own.
        place_dated_by_parking: the cloud dates the place by when the car parked, not by its report.
        stray: a position that the cloud reports in place of the true one, measured when this was set and repeated until
            it is None again.
        loses_plug_out: the report of a plug-out is lost; the next report says what is true by then.
        reports_odometer: False leaves out the odometer.
        claimed_soc_pct: a state of charge that the cloud reports in place of the true one, as 0 or 50 are known to be.
        no_time: what the cloud gives for the time of what it measured, in place of that time.
        report_every_s: the cloud polls the car and reports at this pace only, whatever changes; 0: on change.
        reports_per_percent: while the car charges it is reported at each whole per cent of its battery, and not at the
            provider's pace.
        pauses_after_s: after so long a charging the car stops by itself, as if its driver had stopped it; None: never.
    """

    provider: Provider
    vehicle_id: str = Field(min_length=1)
    user_id: str = "user-1"
    asset: str | None = None
    battery_kwh: float = Field(64.0, gt=0)
    soc_pct: float = Field(40.0, ge=0, le=100)
    power_kw: float = Field(7.4, gt=0)
    efficiency: float = Field(0.9, gt=0, le=1)
    charge_limit_pct: float = Field(100.0, gt=0, le=100)
    voltage_v: float = Field(230.0, gt=0)
    phases: int = Field(1, ge=1, le=3)
    home: Place = Place(latitude=51.5034, longitude=-0.1276)
    away: Place = Place(latitude=51.7520, longitude=-1.2577)
    home_location_id: str | None = None
    home_flag: bool = True
    timezone: str = "Europe/London"
    auto_start: bool = True
    asleep: bool = False
    reachable: bool = True
    governed: bool = False
    vendor: str = "BMW"
    seems_unplugged_while_stopped: bool = False
    starting_sticks: bool = False
    reports_charging: bool = True
    reports_cable: bool = True
    reports_power: bool = True
    reports_place: bool = True
    waits_when_limit_raised: bool = False
    account_connected: bool = True
    linked: bool = True
    subscribed: bool = True
    telemetry: bool = True
    lie_unplugged_after_stop_s: float = Field(0.0, ge=0)
    command_delay_s: float = Field(1.0, ge=0)
    action_fault: ActionFault | None = None
    below_least: Literal["pause", "draw_least", "draw_all"] = "pause"
    refuses_after_starts: int | None = Field(None, ge=0)
    schedule_edges_override: bool = False
    default_profiles_apply: Literal["at_once", "next_transaction"] = "at_once"
    takes_transaction_profiles: bool = True
    driver_amps: float | None = Field(None, ge=0, le=80)
    ignores_amps: bool = False
    place_dated_by_parking: bool = False
    stray: Place | None = None
    loses_plug_out: bool = False
    reports_odometer: bool = True
    claimed_soc_pct: float | None = Field(None, ge=0, le=100)
    no_time: NoTime | None = None
    report_every_s: float = Field(0.0, ge=0)
    reports_per_percent: bool = False
    pauses_after_s: float | None = Field(None, gt=0)
    webhook_faults: WebhookFaults | None = None
    meter: MeterSpec = MeterSpec()

    @property
    def is_sent(self) -> bool:
        """Whether its provider sends anything of it."""
        return self.linked and self.subscribed and self.telemetry
