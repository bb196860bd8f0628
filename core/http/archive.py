"""Zip files as answers."""

from __future__ import annotations

from typing import IO

from django.http import FileResponse
from rest_framework.renderers import JSONRenderer

ZIP = "application/zip"


class ZipRenderer(JSONRenderer):
    """Lets a client ask for a zip; the view itself sends it, and problems are JSON."""

    media_type = ZIP
    format = "zip"


def zip_response(file: IO[bytes], *, name: str) -> FileResponse:
    """Return a zip to be stored under a name, sent in pieces."""
    return FileResponse(file, as_attachment=True, filename=name, content_type=ZIP)
