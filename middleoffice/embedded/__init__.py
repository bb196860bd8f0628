"""PostgreSQL and Redis for a machine that has neither: started from the binaries inside two wheels.

    python -m middleoffice.embedded up [--background] [--fast]   start, print the URLs
    python -m middleoffice.embedded down                         stop what holds this var folder

Both servers listen on unix sockets only, in a folder that nobody else can enter, and keep their
data under the var folder (MIDDLEOFFICE_VAR, by default `var` beside the code). The wheels' Python
APIs are never imported: they change modes of parent folders and leave servers behind. Without the
wheels, `postgres` and `redis-server` of the machine are used. Standard library only; nothing here
may import Django.
"""

from middleoffice.embedded.binaries import Binaries, postgres_binaries, redis_binaries
from middleoffice.embedded.launcher import EmbeddedServers, stop_launcher, stop_on_signals
from middleoffice.embedded.places import broker_url, database_url, make_var, redis_url, socket_dir, var_dir
from middleoffice.embedded.postgres import POSTGRES_SETTINGS
from middleoffice.embedded.redis import REDIS_SETTINGS

__all__ = [
    "POSTGRES_SETTINGS",
    "REDIS_SETTINGS",
    "Binaries",
    "EmbeddedServers",
    "broker_url",
    "database_url",
    "make_var",
    "postgres_binaries",
    "redis_binaries",
    "redis_url",
    "socket_dir",
    "stop_launcher",
    "stop_on_signals",
    "var_dir",
]
