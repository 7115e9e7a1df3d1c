"""What the desk does, one use case a file, each told in the order in which it happens."""
