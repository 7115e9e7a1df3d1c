"""What trading means here: plain values and arithmetic, without clock, network or storage."""
