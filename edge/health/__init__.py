"""The device's health: each check gives a state and what to do, and can be tripped in a test.

What a check is stands here, and needs nothing; the checks are in the modules beside.
"""

from edge.health.check import ABSENT, FAILED, OK, PRESENT, WARNING, Check, worst

__all__ = ["ABSENT", "FAILED", "OK", "PRESENT", "WARNING", "Check", "worst"]
