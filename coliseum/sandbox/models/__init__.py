"""The local world's language models: two ids, two services' shapes, one fixed rule behind them."""

from coliseum.sandbox.models.routes import ModelUse, routes

__all__ = ["ModelUse", "routes"]
