"""How hypothesis explores: anew at every run here, the same way each time on CI, where a change is judged."""

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
