"""The model of docs/scale.md: how late the last car of a fleet gets its command at one edge, and what that takes.

``python benchmarks/edge_model.py`` prints its table. ``benchmarks/edges.py`` compares it with the real handlers.
"""

import math
from dataclasses import dataclass

SENDER_COMPUTE_S = 0.005
"""How long the core of a sender computes for a command before its call, and again after it."""

CALLS_S = 0.01
"""Its calls to the table for a command before its call to the car maker, one after another; and again after it."""

ANNOUNCES_S = 0.006
"""How long the announcer works on a record of a full batch: 3 ms of 512 MB, and its share of the calls."""

PLANNED_WITHIN_S = 60.0
"""All commands of an edge are planned within so long (``ControlRules.ahead``), and at least as long before it."""

COMMANDS_OF_A_DELIVERY = 100
"""One in each message; Lambda gathers so many within a second (``BatchSize``)."""


@dataclass(frozen=True)
class Edge:
    """What a model says: how late the last command is (s), how many senders run, and how many calls a second.

    ``batches`` is how many batches of the stream are announced at once, so that all commands are queued by the edge.
    """

    last_s: float
    senders: float
    calls_per_s: float
    batches: float


def edge(cars: int, latency_s: float, per_s: float | None, senders: int = 100) -> Edge:
    """The edge of a fleet at a car maker with a latency and a rate (None: no limit), with so many senders at most."""
    started_s = CALLS_S + SENDER_COMPUTE_S * COMMANDS_OF_A_DELIVERY
    busy_s, at_once = latency_s + 2 * started_s, senders * COMMANDS_OF_A_DELIVERY
    calls_per_s = min(at_once / busy_s, per_s or at_once / busy_s)
    waves_s = started_s + busy_s * max(0.0, cars / at_once - 1)
    last_s = max(waves_s, cars / per_s) if per_s else waves_s
    needed = min(senders, cars / COMMANDS_OF_A_DELIVERY, calls_per_s * busy_s / COMMANDS_OF_A_DELIVERY)
    return Edge(last_s, needed, min(calls_per_s, cars / busy_s), cars * ANNOUNCES_S / PLANNED_WITHIN_S)


def main() -> None:
    """Print the table."""
    print("| cars | latency | rate | last | senders | calls a second | batches |\n|---|---|---|---|---|---|---|")
    for cars in (1_000, 10_000, 100_000, 1_000_000):
        for latency_s, per_s, senders in ((0.5, None, 100), (0.5, 2000, 100), (0.5, 20, 100), (20.0, None, 100)):
            one = edge(cars, latency_s, per_s, senders)
            rate = f"{per_s}/s" if per_s else "none"
            print(
                f"| {cars:,} | {latency_s:g} s | {rate} | {one.last_s:,.1f} s | {max(1, one.senders):.0f}"
                f" | {one.calls_per_s:,.0f} | {max(1, math.ceil(one.batches))} |"
            )


if __name__ == "__main__":
    main()
