"""The local AWS: ministack, which after each call of a function waits up to 50 ms for lines of its log.

Our functions flush theirs before they answer, so a few milliseconds do, and a call takes what it takes on AWS.
"""

from functools import partialmethod

from ministack.app import main
from ministack.core.lambda_runtime import Worker

LOG_WAIT_S = 0.003

if __name__ == "__main__":
    Worker._drain_stderr_bounded = partialmethod(
        Worker._drain_stderr_bounded, first_line_wait=LOG_WAIT_S, idle_confirm=LOG_WAIT_S
    )
    main()
