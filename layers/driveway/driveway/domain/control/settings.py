"""The settings of charge control."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal
from zlib import crc32

from msgspec import Struct, field

from driveway.domain.control.provider_budget import USUAL_BUDGETS, ProviderBudget

RespectStops = Literal["second", "first", "never"]


class ControlRules(Struct, frozen=True):
    """How cars are commanded and protected.

    Attributes:
        lead: how long before an edge a command is planned at the latest, so that it is sent at the edge; it covers the
            time that fanning out takes.
        plan_ahead: from how long before an edge on its command is planned, if the car needs none until then.
        plan_spread: how much earlier some cars plan, so that a fleet with one edge is planned evenly.
        default_spread_s: spread of the default schedule's starts, in seconds.
        escalate: whether a ready-by at risk turns into charging at once.
        confirm_start_within: how long after a start the car may take to show it; chargers delay at random.
        confirm_stop_within: the same after a stop.
        trial_doubt: how long a trial start of a car that is reported unplugged may take to show its effect.
        answer_within: after this time the function that sent a command has ended; without an answer its call has
            failed.
        lost_after: how long after ``not_before`` a planned command that nobody sent counts as lost.
        command_ttl: how long a planned command may still be sent.
        max_attempts: how often one command is sent before it is given up and the car released.
        trial_attempts: the same after a pause of the breaker; the second one follows a state read, and a refusal ends
            them.
        first_retry: the pause after a passing failure; it doubles with every attempt.
        min_dwell: how long the car keeps a state before we change it again; peak edges and charge-now do not wait.
        restart_wait: how long after a stop that we did not cause, or after a start that did not last, the car is
            started again; it doubles three times.
        max_pairs: start/stop pairs a session; after that the rest of the session is one stretch.
        daily_commands: commands a vehicle gets a UTC day; the last two are kept for letting it charge.
        daily_wakes: wake-ups a vehicle gets a UTC day.
        budgets: what each provider allows in a UTC month and at once, by its name.
        breaker_pause: how long a vehicle is left alone after a command was given up; it doubles, up to an hour.
        respect_interference: whether charging that somebody else started outside the plan is left running.
        respect_stops: whether a stop that we did not cause while the car should charge is left: the ``second`` of a
            session, already the ``first``, or ``never``.
        interference_grace: the plug-in caused charging that begins this soon after it.
        kept_schedule_grace: if the car keeps our schedule, that schedule caused charging that begins this near the
            start of an off-peak window, or ends this near its end.
        instruction_lasts: after this time a charger gets its last command again, before it forgets (OCPP profiles
            lapse).
        default_schedule_retry: the pause after a failure to install or remove it; it doubles, up to a day.
    """

    lead: timedelta = timedelta(seconds=2)
    plan_ahead: timedelta = timedelta(seconds=60)
    plan_spread: timedelta = timedelta(seconds=60)
    default_spread_s: int = 0
    escalate: bool = False
    confirm_start_within: timedelta = timedelta(minutes=15)
    confirm_stop_within: timedelta = timedelta(minutes=5)
    trial_doubt: timedelta = timedelta(minutes=5)
    answer_within: timedelta = timedelta(minutes=6, seconds=20)
    lost_after: timedelta = timedelta(seconds=150)
    command_ttl: timedelta = timedelta(minutes=10)
    max_attempts: int = 4
    trial_attempts: int = 2
    first_retry: timedelta = timedelta(seconds=60)
    min_dwell: timedelta = timedelta(minutes=5)
    restart_wait: timedelta = timedelta(minutes=30)
    max_pairs: int = 6
    daily_commands: int = 40
    daily_wakes: int = 4
    budgets: Mapping[str, ProviderBudget] = field(default_factory=lambda: USUAL_BUDGETS)
    breaker_pause: timedelta = timedelta(minutes=30)
    respect_interference: bool = True
    respect_stops: RespectStops = "second"
    interference_grace: timedelta = timedelta(minutes=30)
    kept_schedule_grace: timedelta = timedelta(minutes=5)
    instruction_lasts: timedelta = timedelta(hours=11)
    default_schedule_retry: timedelta = timedelta(minutes=10)

    def ahead(self, asset: str) -> timedelta:
        """How long before an edge the command of an asset is planned: the same for each of its edges."""
        share = crc32(asset.encode()) % 1000 / 1000
        return max(self.lead, self.plan_ahead + self.plan_spread * share)
