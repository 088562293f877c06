"""How late a fleet gets its starts at one edge: ``python benchmarks/edges.py [cars] [calls a second] [latency]``.

See tests/world/rush.py.
"""

import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    sys.path.insert(0, str(Path(__file__).parents[1] / "layers" / "driveway"))

from benchmarks.edge_model import edge
from tests.world.car_maker import lateness_s
from tests.world.rush import EDGE, Rush, Setting, rush


def report(run: Rush, provider: str) -> str:
    """A line on what the cars of a car maker got."""
    calls = [call for call in run.maker.calls[provider] if call.status == 200]
    late, cars = lateness_s(calls, EDGE), run.setting.cars[provider]
    twice = sum(count > 1 for count in Counter(call.vehicle_id for call in calls).values())
    refused = sum(call.status == 429 for call in run.maker.calls[provider])
    if not late:
        return f"{provider}: none of {cars} got a command"
    spread = ", ".join(f"{share:.0%} {late[min(len(late) - 1, int(len(late) * share))]:.1f} s" for share in (0.5, 0.99))
    return (
        f"{provider}: {len(late)} of {cars} commanded, first {late[0]:.2f} s, {spread}, last {late[-1]:.1f} s;"
        f" {sum(one <= 60 for one in late) / cars:.0%} in the first minute; {twice} twice; {refused} refused"
    )


def main() -> None:
    """Print the figures."""
    given = sys.argv[1:]
    cars = int(given[0]) if given else 1000
    per_s = {"enode": float(given[1])} if len(given) > 1 and float(given[1]) else {}
    latency_s = {"enode": float(given[2])} if len(given) > 2 else {}
    parameters = dict(one.split("=", 1) for one in given[3:] if "=" in one)
    scales = next((float(one) for one in given[3:] if "=" not in one), None)
    setting = Setting(
        cars={"enode": cars},
        per_s=per_s,
        latency_s=latency_s,
        scales_per_min=scales,
        shards=max(4, cars // 5000),
        parameters=parameters,
    )
    began = time.process_time()
    with rush(setting) as run:
        run.run_until(EDGE + timedelta(minutes=12))
    print(report(run, "enode"))
    model = edge(cars, latency_s.get("enode", 0.5), per_s.get("enode"))
    print(
        f"model: last {model.last_s:.1f} s, {max(1, model.senders):.0f} senders, {model.calls_per_s:.0f} calls a second"
    )
    print("runs:", dict(run.runs), "at once:", dict(run.busiest))
    print("calls:", run.cloud.calls)
    queues = {name: len(queue.messages) for name, queue in run.cloud.queues().items() if queue.messages}
    states = Counter(twin.control.command.state if twin.control.command else "-" for twin in run.twins())
    print("queues:", queues, "commands:", dict(states), f"{time.process_time() - began:.0f} s CPU")


if __name__ == "__main__":
    main()
