"""The command line: see `middleoffice.embedded`."""

from __future__ import annotations

import argparse
import sys

from middleoffice.embedded.launcher import stop_launcher, up, up_in_background
from middleoffice.embedded.places import var_dir
from middleoffice.lifeline import LaunchError


def main() -> None:
    """Run the command line described at the top of this module."""
    parser = argparse.ArgumentParser(prog="python -m middleoffice.embedded")
    parser.add_argument("action", choices=["up", "down"])
    parser.add_argument("--background", action="store_true", help="return once the servers answer")
    parser.add_argument("--fast", action="store_true", help="not durable, for tests")
    options = parser.parse_args()
    var = var_dir()
    try:
        if options.action == "down":
            print("Stopped." if stop_launcher(var) else f"Nothing runs on {var}.")
        elif options.background:
            up_in_background(var, durable=not options.fast)
        else:
            up(var, durable=not options.fast)
    except LaunchError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
