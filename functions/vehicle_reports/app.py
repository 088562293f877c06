"""Stores the reports of a large batch, which was answered when they were queued."""

from driveway.observations.report_queue import MOST_RECEIVES, give_up, take_message
from driveway.runtime.batch import queue_function

handler = queue_function(take_message, give_up, MOST_RECEIVES)
