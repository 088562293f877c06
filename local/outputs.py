"""The outputs of a deployed stack."""

from typing import Any


def outputs_of(cloudformation: Any, stack: str) -> dict[str, str]:
    """The outputs of a stack, given its name (or, of a deleted one, its id), by their own names."""
    (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
