"""``python -m simulators.cars --port 0 --port-file PATH``: the car makers' clouds, and the cars."""

import argparse
from pathlib import Path

from simulators.cars.app import build_app
from simulators.cars.simulator import CarSimulator
from simulators.common import clock_from_env, serve


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="simulators.cars", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--port-file", type=Path, default=None, help="where to write the port once it is served")
    arguments = parser.parse_args()
    simulator = CarSimulator(clock_from_env())
    simulator.start()
    try:
        serve(build_app(simulator), arguments.host, arguments.port, arguments.port_file)
    finally:
        simulator.stop()


if __name__ == "__main__":
    main()
