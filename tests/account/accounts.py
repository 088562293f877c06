"""An AWS account on this machine, into which the project is deployed."""

import time
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3

from driveway.runtime.clock import Clock
from local.outputs import outputs_of
from local.stack import PROVIDERS, REGION, Clients, deploy, parameters_of

NOWHERE = "http://127.0.0.1:9"


@cache
def _client(endpoint: str, service: str) -> Any:
    session: Any = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    return session.client(service, endpoint_url=endpoint)


@dataclass
class Account:
    """An AWS account on this machine, with the project's code uploaded."""

    endpoint: str
    clients: Clients
    code: dict[str, dict[str, str]]

    def aws(self, service: str) -> Any:
        """A client of a service, with the account's root credentials."""
        return _client(self.endpoint, service)

    stacks: int = 0
    url: str = ""

    @property
    def name(self) -> str:
        """The present stack's name."""
        return f"driveway-{self.stacks}"

    def deploy(self, **parameters: str) -> str:
        """Deploy the template as a new stack; the API's address."""
        self.stacks += 1
        given = parameters_of(NOWHERE, dict.fromkeys(PROVIDERS, NOWHERE), Clock(), parameters)
        self.url = deploy(self.clients, self.code, given, self.endpoint, name=self.name)
        return self.url

    def update(self, **parameters: str) -> None:
        """Change parameters of the deployed stack and wait."""
        given = parameters_of(NOWHERE, dict.fromkeys(PROVIDERS, NOWHERE), Clock(), parameters)
        self.clients.cloudformation.update_stack(
            StackName=self.name,
            UsePreviousTemplate=True,
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        )
        self._wait_for("UPDATE_COMPLETE", self.name)

    def _wait_for(self, wanted: str, stack: str) -> None:
        for _ in range(300):
            status = self.clients.cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
            if status == wanted:
                return
            time.sleep(0.1)
        raise AssertionError(f"The stack is {status}.")

    def outputs(self) -> dict[str, str]:
        return outputs_of(self.clients.cloudformation, self.name)

    def delete_stack(self) -> str:
        """Delete the stack and wait; its id, by which a deleted stack is still described."""
        cloudformation = self.clients.cloudformation
        stack_id = str(cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]["StackId"])
        cloudformation.delete_stack(StackName=self.name)
        self._wait_for("DELETE_COMPLETE", stack_id)
        return stack_id
