"""``python -m simulators.axle --port 0``: serve the simulated Axle until interrupted."""

import argparse
import os
from pathlib import Path

from simulators.axle.app import DEFAULT_PASSWORD, DEFAULT_USERNAME, AxleSimulator
from simulators.common import clock_from_env, serve


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m simulators.axle", description="Axle's API, simulated.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--port-file", type=Path, help="file to write the port to once it is bound")
    parser.add_argument("--username", default=os.environ.get("AXLE_USERNAME", DEFAULT_USERNAME))
    parser.add_argument("--password", default=os.environ.get("AXLE_PASSWORD", DEFAULT_PASSWORD))
    arguments = parser.parse_args()
    simulator = AxleSimulator(clock_from_env(), arguments.username, arguments.password)
    try:
        serve(simulator.asgi, arguments.host, arguments.port, arguments.port_file)
    finally:
        simulator.close()


if __name__ == "__main__":
    main()
