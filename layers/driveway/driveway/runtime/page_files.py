"""The files of a page that a function serves by itself: without anything of others, and without inline scripts."""

import hashlib
from pathlib import Path

from msgspec import Struct, field

from driveway.runtime.http_api import Answer, Request
from driveway.runtime.problems import not_found

KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src "
    "'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}
"""No address of the page reaches others, and a changed file is used at once: the browser asks by its ``etag``."""


class PageFiles(Struct, frozen=True):
    """The files in a folder, read once."""

    folder: Path
    _texts: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._texts.update({path.name: path.read_text(encoding="utf-8") for path in self.folder.iterdir()})

    def answer(self, name: str, request: Request) -> Answer:
        """A file, or 304 if the browser has it. Raises ProblemError (404)."""
        text = self._texts.get(name)
        if text is None:
            raise not_found("file", name)
        etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'
        headers = {**HEADERS, "etag": etag, "content-type": f"{KINDS[Path(name).suffix]}; charset=utf-8"}
        if request.headers.get("if-none-match") == etag:
            return Answer(304, None, headers)
        return Answer(200, text, headers)
