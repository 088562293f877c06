"""The settings in a function's environment. They are read when first needed, never at import."""

from collections.abc import Collection, Mapping

from driveway.values import Confidential


class SettingsError(ValueError):
    """A setting is missing from the function's environment, or its value cannot be used."""


class Settings(Confidential, frozen=True):
    """Typed access to the environment of one function.

    Every setting comes from ``template.yaml``; the defaults here are those of its parameters. A setting without a
    default raises ``SettingsError`` where it is first used, so a function needs only the settings that it uses.
    """

    hidden = ("environ",)

    environ: Mapping[str, str]

    def text(self, name: str, default: str | None = None) -> str:
        """The setting as text. Raises SettingsError when it is missing and has no default."""
        value = self.environ.get(name) or default
        if value is None:
            raise SettingsError(f"{name} is not set in this function's environment; see template.yaml.")
        return value

    def number(self, name: str, default: float) -> float:
        """The setting as a number. Raises SettingsError when it is not one."""
        raw = self.environ.get(name)
        if not raw:
            return default
        try:
            return float(raw)
        except ValueError as error:
            raise SettingsError(f"{name}={raw!r} is not a number; see template.yaml.") from error

    def flag(self, name: str, *, default: bool) -> bool:
        """The setting as a yes or no (``true``/``false``)."""
        raw = self.environ.get(name, "").strip().lower()
        if raw not in {"", "true", "false"}:
            raise SettingsError(f"{name}={raw!r} is neither 'true' nor 'false'; see template.yaml.")
        return default if raw == "" else raw == "true"

    def choice(self, name: str, default: str, options: Collection[str]) -> str:
        """The setting as one of some options. Raises SettingsError when it is none of them."""
        value = self.text(name, default)
        if value not in options:
            raise SettingsError(f"{name}={value!r} is none of {', '.join(options)}; see template.yaml.")
        return value

    @property
    def on_aws(self) -> bool:
        """Whether this runs in AWS itself: Lambda there has no endpoint override."""
        return "AWS_LAMBDA_FUNCTION_NAME" in self.environ and "AWS_ENDPOINT_URL" not in self.environ

    @property
    def stage(self) -> str:
        """The stage this stack is, for example ``prod``."""
        return self.text("STAGE", "dev")

    @property
    def shards(self) -> int:
        """Over how many shards the due indexes are spread."""
        return int(self.number("DUE_SHARDS", 4))
