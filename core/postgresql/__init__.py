"""Django's PostgreSQL, whose persistent connections are looked at instead of asked before each request."""
