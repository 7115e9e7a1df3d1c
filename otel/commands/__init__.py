"""What `python -m otel` can be asked: one file for each kind of question."""
