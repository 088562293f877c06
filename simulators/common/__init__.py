"""What the simulators share: a server on a free port, the shared clock, faults on demand and a log of requests."""

from simulators.common.clock import clock_from_env
from simulators.common.faults import Fault, FaultPlan
from simulators.common.instrument import instrument
from simulators.common.request_log import RequestLog
from simulators.common.server import running, serve

__all__ = ["Fault", "FaultPlan", "RequestLog", "clock_from_env", "instrument", "running", "serve"]
