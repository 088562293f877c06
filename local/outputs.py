"""What a deployed stack offers: its outputs, and the alias of its functions."""

from typing import Any, Final

ALIAS: Final = "live"
"""The alias under which every function is started; it names the version that is released."""


def outputs_of(cloudformation: Any, stack: str) -> dict[str, str]:
    """The outputs of a stack, given its name (or, of a deleted one, its id), by their own names."""
    (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
