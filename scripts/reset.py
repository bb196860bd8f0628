"""Delete the var folder: the embedded database, demo log-ins and logs. Asks first, unless FORCE=1."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from middleoffice import embedded
from middleoffice.lifeline import LaunchError


def main() -> None:
    """Stop what runs, then delete."""
    var = embedded.var_dir()
    if not var.exists():
        print(f"There is nothing at {var}.")
        return
    if os.environ.get("FORCE") != "1":
        if not sys.stdin.isatty():
            sys.exit(f"This deletes all data in {var}. Run it again with FORCE=1.")
        if input(f"Delete all data in {var}? Type yes: ").strip() != "yes":
            sys.exit("Nothing was deleted.")
    try:
        embedded.stop_launcher(var)
    except LaunchError as error:
        sys.exit(str(error))
    shutil.rmtree(var)
    print(f"Deleted {var}.")


if __name__ == "__main__":
    main()
