"""Everything that the simulated Axle holds."""

from driveway.runtime.clock import Clock
from simulators.axle.delivery import Deliveries
from simulators.axle.events import Events
from simulators.axle.readings import ReadingStore
from simulators.axle.tokens import Tokens
from simulators.axle.world import World
from simulators.common import FaultPlan, RequestLog


class AxleState:
    """Sites, readings, tokens, schedules to send, and what to do wrong. Close it to stop the background sender."""

    def __init__(self, clock: Clock, username: str, password: str, deliveries: type[Deliveries] = Deliveries) -> None:
        """Nothing yet; ``deliveries`` is how schedules are sent, in the background by default."""
        self.world = World()
        self.readings = ReadingStore()
        self.tokens = Tokens(username, password)
        self.deliveries = deliveries(clock, self.world)
        self.events = Events(clock, self.world, self.deliveries)
        self.faults = FaultPlan()
        self.requests = RequestLog()

    def reset(self) -> None:
        """Forget everything but the configuration."""
        self.world.reset()
        self.readings.reset()
        self.tokens.reset()
        self.deliveries.clear()
        self.faults.clear()
        self.requests.clear()

    def close(self) -> None:
        """Stop sending schedules."""
        self.deliveries.close()
