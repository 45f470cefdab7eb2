"""How a plan fails without anybody being at fault."""


class PlanRefusedError(Exception):
    """SQL's judge refused every plan the engine found; the argument is its last list of conflicts."""


class NothingToGainError(Exception):
    """After an event, nothing better was found than to leave everything as it is."""
