"""A research service of the local world: answers and pages with citations, never later than its clock."""

from coliseum.sandbox.search.routes import routes

__all__ = ["routes"]
