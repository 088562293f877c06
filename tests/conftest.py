"""How hypothesis explores: the same way at each run, so that a change is judged alike everywhere; anew where asked.

``HYPOTHESIS_PROFILE=explore`` tries other examples at every run.
"""

import os

from hypothesis import settings

settings.register_profile("steady", derandomize=True)
settings.register_profile("explore")
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))
