"""The embedded local stack: PostgreSQL, the API gateway with realtime, and the functions, without Docker."""
