"""How far from an instant its neighbours reach: which samples the energy around it can depend on."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from driveway.domain.metering.energy import BEST_POINT_FIRST, REGISTERS, of_kind, readings_by_register
from driveway.domain.metering.plug_facts import plugs_of
from driveway.domain.metering.power import power_line
from driveway.domain.metering.registers import MAX_RUN_MS, MAX_SPAN_MS, Plugs, Reading, runs, survivors
from driveway.domain.metering.samples import Rating, Sample

BACK = 3
FORWARD = 2


@dataclass(frozen=True, slots=True)
class Chain:
    """The readings of one register: when they were (milliseconds since 1970) and which are kept.

    ``runs`` gives for each reading where the run of its value begins and where the next one does (see ``survivors``).
    """

    at_ms: Sequence[int]
    kept: Sequence[bool]
    runs: Sequence[tuple[int, int]]

    @classmethod
    def of(cls, readings: Sequence[Reading], plugs: Plugs, power_w: int) -> Self:
        """The chain of these readings."""
        held = [(first, end) for first, end in runs(readings) for _ in range(first, end)]
        return cls([at_ms for at_ms, _ in readings], survivors(readings, plugs, power_w), held)

    def is_sure(self, index: int) -> bool:
        """Whether no reading before the first one can change if this one is kept."""
        first, end = self.runs[index]
        return first > 0 or self.at_ms[end - 1] - self.at_ms[0] > MAX_RUN_MS

    def run_back(self, index: int) -> int:
        """The instant of the first reading of the run that may be judged together with this one."""
        return self.at_ms[bisect_left(self.at_ms, self.at_ms[index] - MAX_RUN_MS, self.runs[index][0], index)]

    def run_forward(self, index: int) -> int:
        """The instant of the last reading of the run that may be judged together with this one."""
        return self.at_ms[bisect_right(self.at_ms, self.at_ms[index] + MAX_RUN_MS, index, self.runs[index][1]) - 1]


@dataclass(slots=True)
class Reach:
    """The spans between known neighbours.

    Every sample from ``known_from`` on is known (None: every sample there is). ``short`` says that a span's start may
    lie before that; spans are never longer than ``MAX_SPAN_MS``.
    """

    chains: Sequence[Chain]
    lines: Sequence[Sequence[int]]
    plugs: Plugs
    known_from: int | None
    short: bool = False

    @classmethod
    def over(cls, samples: Sequence[Sample], rating: Rating, known_from: int | None) -> Self:
        """The reach over these samples."""
        plugs, readings, line = plugs_of(samples), readings_by_register(samples), power_line(samples)
        # Lesser sources first: the registers above spread their energy by what these show.
        keys = of_kind("soc", readings)
        keys += [(kind, point) for kind in REGISTERS for point in reversed(BEST_POINT_FIRST)]
        chains = [Chain.of(readings[key], plugs, rating.power_w) for key in keys if key in readings]
        lines = [[event.at_ms for event in line]]
        lines += [[event.at_ms for event in line if point in event.power_w] for point in BEST_POINT_FIRST]
        return cls(chains, [at for at in lines if at], plugs, known_from)

    def changed_from(self, at_ms: int) -> int:
        """From when on the energy may be another once there is a sample at ``at_ms``.

        The sample changes the span it lies in and whether the readings before it are kept; and that, what a reading
        before them is taken for.
        """
        for _ in range(BACK):
            at_ms = self.back(at_ms - 1)
        return at_ms

    def changed_to(self, at_ms: int) -> int:
        """Until when the energy may be another once there is a sample at ``at_ms``."""
        for _ in range(FORWARD):
            at_ms = self.forward(at_ms + 1)
        return at_ms

    def back(self, at_ms: int) -> int:
        """The start of every span that holds ``at_ms``, and of every span that holds such a start."""
        for chain in (*self.chains, *reversed(self.chains)):
            at_ms = min(at_ms, self._chain_back(chain, at_ms))
        return min(self._away_back(at_ms), *(self._line_back(line, at_ms) for line in self.lines), at_ms)

    def forward(self, at_ms: int) -> int:
        """The end of every span that holds ``at_ms``, and of every span that holds such an end."""
        for chain in (*self.chains, *reversed(self.chains)):
            at_ms = max(at_ms, self._chain_forward(chain, at_ms))
        lines = (*self.lines, self.plugs.begun_ms())
        return max(at_ms, *(self._line_forward(line, at_ms) for line in lines))

    def _chain_back(self, chain: Chain, at_ms: int) -> int:
        if chain.at_ms[-1] <= at_ms:
            return at_ms
        index = bisect_right(chain.at_ms, at_ms) - 1
        while index > 0 and not chain.kept[index]:
            index -= 1
        if index >= 0:
            # The first known readings are sure to be kept only if no earlier one can speak against them.
            self._look_before(chain.at_ms[0], sure=chain.is_sure(index))
            return chain.run_back(index)
        self._look_before(at_ms, sure=False)
        opened_ms = self.plugs.last_opening(chain.at_ms[0] - MAX_SPAN_MS, at_ms)
        return at_ms if opened_ms is None else opened_ms

    def _chain_forward(self, chain: Chain, at_ms: int) -> int:
        index, last = bisect_left(chain.at_ms, at_ms), len(chain.at_ms) - 1
        while index < last and not chain.kept[index]:
            index += 1
        return chain.run_forward(index) if index <= last else at_ms

    def _line_back(self, line: Sequence[int], at_ms: int) -> int:
        if line[-1] <= at_ms:
            return at_ms
        index = bisect_right(line, at_ms) - 1
        self._look_before(at_ms, sure=index >= 0)
        return line[index] if index >= 0 else at_ms

    @staticmethod
    def _line_forward(line: Sequence[int], at_ms: int) -> int:
        index = bisect_left(line, at_ms)
        return line[index] if index < len(line) else at_ms

    def _away_back(self, at_ms: int) -> int:
        opened, closed = self.plugs.begun_ms(), self.plugs.closed_ms
        if not opened or opened[-1] <= at_ms:
            return at_ms
        last_opened, last_closed = bisect_right(opened, at_ms) - 1, bisect_right(closed, at_ms) - 1
        self._look_before(at_ms, sure=last_opened >= 0 or last_closed >= 0)
        return closed[last_closed] if last_closed >= 0 else at_ms

    def _look_before(self, at_ms: int, *, sure: bool) -> None:
        if not sure and self.known_from is not None and at_ms - self.known_from < MAX_SPAN_MS:
            self.short = True
