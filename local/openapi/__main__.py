"""``python -m local.openapi``: writes docs/openapi.json and docs/http-api.md."""

import json
import sys

from local.openapi.document import document
from local.openapi.page import page
from local.openapi.routes import ROOT

DOCUMENT = ROOT / "docs" / "openapi.json"
PAGE = ROOT / "docs" / "http-api.md"


def rendered() -> str:
    """The text of the stored document."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write both files."""
    texts = {DOCUMENT: rendered(), PAGE: page()}
    for path, text in texts.items():
        path.write_text(text)
        print(f"Wrote {path.relative_to(ROOT)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
