"""What a function does while Lambda initialises it, so that its first answer needs less."""

import os

from driveway.runtime.context import current_runtime


def warm(*parts: str) -> None:
    """Make parts of the runtime, by name, while Lambda initialises a function: it has a whole processor then.

    Anywhere else it does nothing: parts are made when first used, and tests replace them before.
    """
    if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
        runtime = current_runtime()
        for part in parts:
            getattr(runtime, part)
