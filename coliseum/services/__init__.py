"""The world behind the ports: exchange, paper exchange, search and ledger, each in a room of its own."""
