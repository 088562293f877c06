"""The registers that a car, or its charger, shows: of a charge, and of all energy."""

from dataclasses import dataclass

from simulators.cars.spec import MeterSpec


@dataclass(slots=True)
class SessionRegister:
    """What was counted, what the last report showed, and whether the last value of a charge is still to come."""

    counted_wh: float = 0.0
    reported_wh: float = 0.0
    is_late: bool = False

    def count(self, drawn_wh: float) -> None:
        """Energy flowed."""
        self.counted_wh += drawn_wh

    def drain(self, drained_wh: float) -> None:
        """Standby drew so much while nothing flowed."""
        self.counted_wh = max(0.0, self.counted_wh - drained_wh)

    def charging_changed(self, spec: MeterSpec, *, charging: bool) -> None:
        """Charging began or ended."""
        if charging and spec.register_kind == "per_charge":
            self.counted_wh = self.reported_wh = 0.0
        self.is_late = not charging and spec.last_value_late_s > 0

    def shown_wh(self, spec: MeterSpec, *, charging: bool) -> float:
        """What it shows now."""
        if spec.register_kind == "zero_while_idle" and not charging:
            return 0.0
        shown_wh = self.reported_wh if self.is_late else self.counted_wh
        return shown_wh // spec.resolution_wh * spec.resolution_wh if spec.resolution_wh else shown_wh

    def reported(self) -> None:
        """A report was made: it holds what is shown, and the last value is no longer late."""
        if not self.is_late:
            self.reported_wh = self.counted_wh


@dataclass(slots=True)
class LifetimeRegister:
    """The register of all energy: what was counted since the meter is there, and whether it is still the first one."""

    counted_wh: float = 0.0
    is_replaced: bool = False

    def count(self, drawn_wh: float) -> None:
        """Energy flowed."""
        self.counted_wh += drawn_wh

    def unplugged(self, spec: MeterSpec) -> None:
        """The cable was taken out."""
        if spec.replaced_at_plug_out:
            self.counted_wh, self.is_replaced = 0.0, True

    def shown_wh(self, spec: MeterSpec) -> float:
        """What it shows now."""
        shown_wh = self.counted_wh + (0.0 if self.is_replaced else spec.lifetime_start_wh)
        return shown_wh % spec.lifetime_modulus_wh if spec.lifetime_modulus_wh else shown_wh
