"""Planning: from the schedule in SQL to a problem, from the engine's answer to a proposal that SQL judges."""
