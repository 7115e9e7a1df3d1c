"""Language models asked for belief and reasons; everything after that is plain code."""
