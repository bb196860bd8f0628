"""`python -m middleoffice.healthcheck`: exit 0 if this container's web server answers /healthz."""

from __future__ import annotations

import os
import sys
import urllib.request

from middleoffice.processes import DEFAULTS


def main() -> None:
    """Ask with a host name that ALLOWED_HOSTS lets in: the container's own address is not one."""
    port = os.environ.get("PORT") or DEFAULTS["PORT"]
    allowed = (os.environ.get("ALLOWED_HOSTS") or "localhost").split(",")[0].strip()
    host = {"*": "localhost"}.get(allowed, f"www{allowed}" if allowed.startswith(".") else allowed)
    request = urllib.request.Request(f"http://127.0.0.1:{port}/healthz", headers={"Host": host})
    try:
        urllib.request.urlopen(request, timeout=4).close()  # noqa: S310  (our own address)
    except OSError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
