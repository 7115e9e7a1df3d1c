"""The local world's exchange: Kalshi's Trade API v2 over recorded markets and one user's account."""
