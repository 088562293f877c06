"""Function folders and layers as zip files, as the local AWS wants them."""

import io
import zipfile
from pathlib import Path


def function_zip(folder: Path) -> bytes:
    """A function's folder as a zip."""
    return _zip({path.relative_to(folder).as_posix(): path for path in _sources(folder)})


def layer_zip(folder: Path) -> bytes:
    """A layer's own packages under ``python/``.

    Third-party packages are left out: the local AWS runs functions on the interpreter of this environment, which has
    them.
    """
    return _zip({f"python/{path.relative_to(folder).as_posix()}": path for path in _sources(folder)})


def _sources(folder: Path) -> list[Path]:
    return sorted(
        p
        for p in folder.rglob("*")
        if p.is_file() and p.suffix in {".py", ".typed", ".txt", ".json", ".html", ".css", ".js", ".svg"}
    )


def _zip(files: dict[str, Path]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in files.items():
            archive.write(path, name)
    return buffer.getvalue()
