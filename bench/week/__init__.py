"""A simulated week of a field-service company, worked through the real API under three ways of scheduling.

Requests arrive, customers cancel or aren't there, jobs overrun, traffic slows everybody down, technicians
fall ill: the same happens to each way. `python -m bench.week` prints what came of it.
"""
