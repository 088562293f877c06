"""The schemas of what the console asks for: the cars that need attention, the nights of all homes, and the acts."""

from typing import get_args

from driveway.domain.attention import ADVICE
from driveway.domain.sessions.verdict import Verdict
from driveway.domain.twin import AssetType
from local.openapi.schema import (
    Schema,
    array,
    flag,
    instant,
    nullable,
    number,
    one_of,
    record,
    ref,
    text,
    whole,
)

NEXT = nullable(text("For `after`, which gives the rows after these; null: these are the last."))
VERDICT = one_of([verdict.value for verdict in Verdict], "The verdict, a code.")


def console_schemas() -> dict[str, Schema]:
    """The schemas by their names."""
    seconds = nullable(number("Seconds; null: no command was sent."))
    return {
        "Caller": record({"name": text("The token's name."), "scope": one_of(["support", "operator"])}),
        "ListedAssets": record(
            {"asked_at": instant("When it was asked for."), "assets": array(ref("ListedAsset")), "next": NEXT}
        ),
        "ListedAsset": record(
            {
                "asset": text("The app's id."),
                "site": text("The app's id."),
                "type": one_of(get_args(AssetType)),
                "attention": nullable(ref("Attention")),
            }
        ),
        "Attention": record(
            {
                "reason": one_of([reason.value for reason in ADVICE], "A reason code."),
                "text": text("What is wrong and what helps."),
                "since": nullable(instant("Since when it needs attention; null in an answer to `find`.")),
            },
            "Null: the asset needs nobody.",
        ),
        "NightOfAll": record(
            {
                "night": text("The date of its evening; a night goes from noon to noon.", format="date"),
                "judged_at": nullable(instant("When the sums were made; null: no session was judged yet.")),
                "sessions": whole("Sessions.", least=0),
                "ready": whole("Those that had what was asked for by the ready-by.", least=0),
                "short": whole("Those that had not.", least=0),
                "verdicts": array(
                    record({"verdict": VERDICT, "sessions": whole("", least=1), "text": text("Its cause.")})
                ),
                "energy": record({"in_plan_kwh": number("Inside the plan."), "out_of_plan_kwh": number("Outside it.")}),
                "commands": array(
                    record(
                        {
                            "outcome": text("The event that ended the commands, or `open`."),
                            "commands": whole("", least=1),
                            "text": text("What the outcome means."),
                        }
                    )
                ),
                "lateness": record(
                    {
                        "commands": whole("The commands that were sent.", least=0),
                        "median_s": seconds,
                        "p95_s": seconds,
                        "worst_s": seconds,
                    },
                    "How long after its edge a command was sent.",
                ),
                "axle_in_sync": whole("Sessions of which Axle had acknowledged everything.", least=0),
                "completeness": number("The share of half-hours that are measured.", least=0, most=1),
            }
        ),
        "NightSessions": record(
            {
                "night": text("The date of its evening.", format="date"),
                "sessions": array(
                    record(
                        {
                            "asset": text("The app's id."),
                            "session": text("The session's id."),
                            "energy_kwh": number("What it took in the night."),
                            "verdict": VERDICT,
                            "text": text("Its cause."),
                        }
                    )
                ),
                "next": NEXT,
            }
        ),
        "Looked": record({"asset": text("The app's id."), "text": text("What happens now.")}),
        "ReportedAgain": record(
            {
                "asset": text("The app's id."),
                "due": whole("Half-hours that go to Axle again.", least=0),
                "complete": flag("False: there are more; repeat the call."),
                "text": text("What happens now."),
            }
        ),
    }
