"""What telemetry costs a program, measured side by side: no tracing, the plain SDK, logfire, and this layer."""
