"""How hypothesis explores, and what tests that count tell at the end of a run.

It explores the same way at each run, so that a change is tested alike everywhere; newly drawn if asked.

``HYPOTHESIS_PROFILE=explore`` tries other examples at every run; ``unshrunk`` says only that a property fails.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import Phase, settings

settings.register_profile("steady", derandomize=True)
settings.register_profile("explore")
settings.register_profile("unshrunk", derandomize=True, phases=[Phase.explicit, Phase.generate])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium, for the tests of the console. It ends with the module, as its event loop would stop others."""
    from tests.support.browser.chromium import chromium
    from tests.support.browser.chromium import running as browsing

    path = chromium()
    if path is None:
        pytest.skip("There is no Chromium here, and none could be installed (apt-get install chromium).")
    with browsing(path) as started:
        yield started


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print every recorded ``outcome``, whichever process its test ran in."""
    passed = terminalreporter.getreports("passed")
    for outcome in sorted(str(value) for one in passed for name, value in one.user_properties if name == "outcome"):
        terminalreporter.write_line(outcome)
