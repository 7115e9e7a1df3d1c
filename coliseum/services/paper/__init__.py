"""An exchange where nothing is real but the prices: the venue's market data, and money of our own making."""

from coliseum.services.paper.exchange import MarketData, PaperExchange, open_paper

__all__ = ["MarketData", "PaperExchange", "open_paper"]
