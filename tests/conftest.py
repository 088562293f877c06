"""How hypothesis explores, and what tests that count tell at the end of a run.

It explores the same way at each run, so that a change is tested alike everywhere; newly drawn if asked.

``HYPOTHESIS_PROFILE=explore`` tries other examples at every run.
"""

import os

import pytest
from hypothesis import settings

settings.register_profile("steady", derandomize=True)
settings.register_profile("explore")
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print every recorded ``outcome``, whichever process its test ran in."""
    passed = terminalreporter.getreports("passed")
    for outcome in sorted(str(value) for one in passed for name, value in one.user_properties if name == "outcome"):
        terminalreporter.write_line(outcome)
