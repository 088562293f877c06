"""``python -m local up|down``: the local stack, left running."""

import argparse
import os
import sys

from local.credentials import SETTINGS
from local.processes import NotReadyError
from local.stack import PROVIDERS, AlreadyRunningError, Options, down, running, up


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("command", choices=["up", "down"])
    command = parser.parse_args().command
    folder = Options().folder
    if command == "down":
        stopped = down(folder)
        print(f"Stopped: {', '.join(stopped)}." if stopped else "No local stack runs.")
        return 0
    options = Options(
        clock_text=os.environ.get("DRIVEWAY_CLOCK") or None,
        base_urls={name: url for name in ("axle", *PROVIDERS) if (url := os.environ.get(f"{name.upper()}_BASE_URL"))},
        logins={name: os.environ[name] for name in SETTINGS if name in os.environ},
        parameters={"AppWebhookUrl": url} if (url := os.environ.get("APP_WEBHOOK_URL")) else {},
        aws_port=int(os.environ.get("AWS_PORT", "0")),
    )
    try:
        stack = up(options)
    except (AlreadyRunningError, NotReadyError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Up: {stack['api_url']}\nAddresses and tokens: {folder / 'stack.json'}\nStop it with: make down")
    print(f"The console: {stack['console_url']}\n  token of support: {stack['support_token']}")
    return 0 if running(folder) else 1


if __name__ == "__main__":
    sys.exit(main())
