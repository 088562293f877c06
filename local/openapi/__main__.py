"""``python -m local.openapi``: writes docs/openapi.json, http-api.md, api.html and the Postman collection."""

import json
import sys
from pathlib import Path

from local.openapi.collection import collection
from local.openapi.document import document, exchanges
from local.openapi.html_page import html_page
from local.openapi.page import page
from local.openapi.routes import ROOT

DOCUMENT = ROOT / "docs" / "openapi.json"
PAGE = ROOT / "docs" / "http-api.md"
HTML = ROOT / "docs" / "api.html"
COLLECTION = ROOT / "docs" / "driveway.postman_collection.json"


def rendered() -> str:
    """The text of the stored document."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def texts() -> dict[Path, str]:
    """Every file that is made from the code, and its text."""
    made = json.dumps(collection(exchanges()), indent=2, ensure_ascii=False) + "\n"
    return {DOCUMENT: rendered(), PAGE: page(), HTML: html_page(document()), COLLECTION: made}


def main() -> int:
    """Write the files."""
    for path, text in texts().items():
        path.write_text(text)
        print(f"Wrote {path.relative_to(ROOT)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
