"""The shapes of what is answered to visits, for the OpenAPI document."""

from common.answers import Problem, Shape


class RejectedVisit(Shape):
    """A visit that was not taken in."""

    index: int
    problem: Problem


class VisitsTaken(Shape):
    """How many visits are stored, how many were there before, and which were not taken in."""

    accepted: int
    duplicates: int
    rejected: list[RejectedVisit]
