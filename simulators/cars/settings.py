"""How each simulated provider behaves; all of it can be changed through ``POST /_sim/config``."""

from typing import Literal

from pydantic import Field

from simulators.cars.spec import Strict, WebhookFaults
from simulators.cars.tokens import RefreshModel


class ProviderSettings(Strict):
    """What all providers have.

    Attributes:
        webhook_url: where events go; None sends none.
        webhook_secret: the key of their signatures.
        sample_every_s: simulated seconds between reports while a car charges; 0 reports changes only.
        report_delay_s: simulated seconds between a change and its report, as with a provider that polls the car.
        resend_real_s: the real seconds to wait before each retry of a delivery that was not answered 2xx.
        queue_deleted_after_s: simulated seconds of failures after which what waits is deleted and the webhook becomes
            inactive; 0 never.
        webhook_active: False sends nothing, until it is set True again.
        answer_within_real_s: the real seconds after which a delivery without an answer counts as failed.
    """

    webhook_url: str | None = None
    webhook_secret: str = "car-simulator-webhook-secret"  # noqa: S105 - a simulator's published default
    sample_every_s: float = Field(300.0, ge=0)
    report_delay_s: float = Field(0.0, ge=0)
    webhook_faults: WebhookFaults = WebhookFaults()
    client_id: str = "client-id"
    client_secret: str = "client-secret"  # noqa: S105 - a simulator's published default
    resend_real_s: tuple[float, ...] = (0.2, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 240, 480)
    answer_within_real_s: float = Field(15.0, gt=0)
    queue_deleted_after_s: float = Field(0.0, ge=0)
    webhook_active: bool = True


class EnodeSettings(ProviderSettings):
    """Enode: the action's time-out is the vendor's, the location's shape belongs to the API version."""

    version: Literal["2024-10-01", "2023-08-01"] = "2024-10-01"
    action_timeout_s: float = Field(1800.0, gt=0)
    action_retry_s: float = Field(60.0, gt=0)
    unnecessary: Literal["400", "cancelled_action"] = "400"
    heartbeat_every_s: float = Field(0.0, ge=0)
    batch_size: int = Field(100, ge=1, le=100)
    batch_gather_real_s: float = Field(0.0, ge=0)
    answer_within_real_s: float = Field(5.0, gt=0)


class SmartcarSettings(ProviderSettings):
    """Smartcar: a command's connection is held open, and gets an early 202 when that takes long.

    Attributes:
        application_id: the application's id at Smartcar Connect.
        timestamps: the form of times in webhooks; seconds stand in some where milliseconds do in others.
        leaves_out_status: a signal that was read has a body and no status.
        signals_per_page: how many signals a page of the stored ones holds; None: all of them.
        car_month_requests: the plan's requests about one car in a month; None: any number.
        bucket_requests: so many requests at once, refilled by ``bucket_refill_per_min``; None: any number.
    """

    application_id: str = "application-id"
    hold_open_s: float = Field(5.0, ge=0, le=300)
    early_202_after_s: float = Field(175.0, ge=0)
    timestamps: Literal["epoch_ms", "epoch_s", "iso"] = "epoch_ms"
    leaves_out_status: bool = False
    signals_per_page: int | None = Field(None, ge=1)
    mode: Literal["LIVE", "TEST"] = "LIVE"
    home_flag_capable: bool = True
    car_month_requests: int | None = Field(None, ge=0)
    bucket_requests: int | None = Field(None, ge=1)
    bucket_refill_per_min: float = Field(2.0, ge=0)
    resend_real_s: tuple[float, ...] = (0.25, 0.5, 1.0)


class TeslaSettings(ProviderSettings):
    """Tesla: records leave through a signed relay.

    Attributes:
        refresh_token: the refresh token of an owner who signed in before the simulator began.
        refresh_tokens: how often one works: once (``strict``), or as Tesla promises, the last used one again for 24 h.
        refresh_token_days: for how many days one is good without being used.
        sign_in_ends_older: whether a new sign-in of an owner ends the refresh tokens of the ones before.
        billing_limit_usd: what a month may cost before every request is answered 402; None: any sum.
    """

    form: Literal["decoded", "proto_json"] = "decoded"
    wake_s: float = Field(20.0, ge=0)
    asleep_status: Literal[408, 500] = 408
    refresh_token: str = "refresh-1"  # noqa: S105 - a simulator's published default
    refresh_tokens: RefreshModel = "strict"
    refresh_token_days: float = Field(92.0, gt=0)
    sign_in_ends_older: bool = False
    access_token_s: float = Field(28800.0, gt=0)
    billing_limit_usd: float | None = Field(None, ge=0)


class OcppSettings(ProviderSettings):
    """OCPP: ``webhook_url`` is the base of the app's API; observations go to ``/assets/{asset}/observations`` there.

    Attributes:
        names_transactions: the central system names the running transaction in its answers.
    """

    names_transactions: bool = True
    token: str = "ocpp-token"  # noqa: S105 - a simulator's published default
    observations_token: str = "app-token"  # noqa: S105 - a simulator's published default


class Settings(Strict):
    """All providers' settings."""

    enode: EnodeSettings = EnodeSettings()
    smartcar: SmartcarSettings = SmartcarSettings()
    tesla: TeslaSettings = TeslaSettings()
    ocpp: OcppSettings = OcppSettings()
