"""The database backend of the settings: Django's own, but for how it finds a connection that was lost."""

from __future__ import annotations

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Sees a lost connection by its socket: asking costs a round trip a request, as much as the look-up of a token."""

    def is_usable(self) -> bool:
        """Tell whether the connection still stands.

        A server that went away leaves an end of file on the socket, and one that says something unasked leaves
        its message: a socket with nothing to read is that of a server that waits for us. Within a transaction
        it is asked all the same, as it may have been aborted.
        """
        if self.connection is None or self.connection.closed:
            return False
        readable = select.poll()
        readable.register(self.connection.fileno(), select.POLLIN)
        return bool(super().is_usable()) if self.in_atomic_block or readable.poll(0) else True
