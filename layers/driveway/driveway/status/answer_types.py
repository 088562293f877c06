"""The types of members that several answers have. Documented schemas are derived from them."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

Instant = Annotated[datetime, Meta(tz=True)]
"""An aware instant; it is answered with the offset that it has, so give it in UTC."""

AppId = Annotated[str, Meta(description="The app's id.")]
