"""Commands to cars through Smartcar's vehicles API, v3."""

from urllib.parse import quote, urlsplit

from driveway.domain.control.outcome import Outcome
from driveway.domain.twin import OutcomeKind, Vehicle, Window
from driveway.vehicles.http_call import Answer, Unanswered, lost, send
from driveway.vehicles.json_values import mapping, sequence, text
from driveway.vehicles.provider import Call
from driveway.vehicles.smartcar import signals
from driveway.vehicles.smartcar.outcomes import Action, outcome_of, refuses_token

COMMAND_TIMEOUT_S = (5.0, 310.0)
READ_TIMEOUT_S = (5.0, 15.0)
"""Both may be spent on one command: it is answered within 300 s, and the state read before it comes from a store."""

NEXT_PAGE_TIMEOUT_S = (1.0, 2.0)
MOST_PAGES = 8


class SmartcarCommands:
    """The outbound half of Smartcar. A command is held open by Smartcar for up to 300 s."""

    def start(self, call: Call, vehicle: Vehicle, *, limit_kw: float | None) -> Outcome:
        """Charge now. Smartcar cannot limit the power, so ``limit_kw`` has no effect."""
        return _command(call, vehicle, "start")

    def stop(self, call: Call, vehicle: Vehicle) -> Outcome:
        """Stop charging and stay plugged in."""
        return _command(call, vehicle, "stop")

    def read_state(self, call: Call, vehicle: Vehicle) -> Outcome:
        """The signals in Smartcar's store, each with its own time: the car itself is not asked.

        The store answers in pages. The entries of the pages before a failing one are kept.
        """
        stored: list[dict[str, object]] = []
        path = "signals"
        for page in range(MOST_PAGES):
            answer = _page(call, vehicle, path, NEXT_PAGE_TIMEOUT_S if page else READ_TIMEOUT_S)
            if isinstance(answer, Outcome):
                if stored:
                    break
                return answer
            stored += [_flat(resource) for resource in sequence(answer.fields.get("data"))]
            next_page = _next_page(answer)
            if next_page is None:
                break
            path = next_page
        seen = signals.observations(stored, known_at=call.now, undated_at=None)
        return Outcome(OutcomeKind.ACCEPTED, observations=seen)

    def cancel(self, call: Call, vehicle: Vehicle, provider_ref: str) -> Outcome:
        """UNSUPPORTED: Smartcar answers a command only once it is over."""
        return Outcome(OutcomeKind.UNSUPPORTED, "Smartcar answers a command only once it is over.")

    def wake(self, call: Call, vehicle: Vehicle) -> Outcome:
        """UNSUPPORTED: Smartcar has no such call."""
        return Outcome(OutcomeKind.UNSUPPORTED, "Smartcar cannot wake a car.")

    def install_default(self, call: Call, vehicle: Vehicle, windows: tuple[Window, ...], *, timezone: str) -> Outcome:
        """UNSUPPORTED: charge schedules exist for two makes only, and their ids are known to Smartcar alone."""
        return Outcome(OutcomeKind.UNSUPPORTED, "Charging windows are not kept in cars through Smartcar.")

    def remove_default(self, call: Call, vehicle: Vehicle) -> Outcome:
        """ALREADY_IN_STATE: nothing was installed."""
        return Outcome(OutcomeKind.ALREADY_IN_STATE)


def _page(call: Call, vehicle: Vehicle, path: str, timeout_s: tuple[float, float]) -> Answer | Outcome:
    """A page of the store; an outcome where it could not be read."""
    answer = _send(call, vehicle, "GET", path, timeout_s)
    if not isinstance(answer, Answer):
        return answer
    if answer.status != 200:
        return outcome_of(answer, "read_state", call.now)
    return answer if isinstance(answer.fields.get("data"), list) else lost(answer).outcome()


def _command(call: Call, vehicle: Vehicle, action: Action) -> Outcome:
    if not vehicle.user_id:
        return Outcome(OutcomeKind.FAILED, "The Smartcar user of this car is not known; Smartcar asks for it.")
    answer = _send(call, vehicle, "POST", f"commands/charge/{action}", COMMAND_TIMEOUT_S)
    return outcome_of(answer, action, call.now) if isinstance(answer, Answer) else answer


def _send(call: Call, vehicle: Vehicle, method: str, path: str, timeout_s: tuple[float, float]) -> Answer | Outcome:
    url = f"{call.base_url.rstrip('/')}/vehicles/{quote(vehicle.vehicle_id, safe='')}/{path}"
    headers = {"sc-user-id": vehicle.user_id} if vehicle.user_id else {}
    answer = send(call, method, url, timeout_s=timeout_s, headers=headers, refuses_token=refuses_token)
    if isinstance(answer, Unanswered):
        # A repeat does no harm: it is answered with the state that the car is in.
        return answer.outcome()
    return answer


def _next_page(answer: Answer) -> str | None:
    """The path of the next page of signals. Only its query is used: the address stays the one that we were given."""
    link = mapping(answer.fields.get("links")).get("next")
    address = text(mapping(link).get("href")) if isinstance(link, dict) else text(link)
    query = urlsplit(address).query if address else ""
    return f"signals?{query}" if query else None


def _flat(resource: object) -> dict[str, object]:
    """A stored signal in the form of a webhook's: ``attributes`` with the ``meta`` that stands in or beside them."""
    if not isinstance(resource, dict):
        return {}
    attributes = resource.get("attributes")
    beside = {"meta": resource["meta"]} if "meta" in resource else {}
    return {**beside, **attributes} if isinstance(attributes, dict) else resource
