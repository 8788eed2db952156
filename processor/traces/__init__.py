"""What becomes of each batch, told to an OpenTelemetry collector; off unless `traces.endpoint` is set.

A worker knows nothing of it: its parts are passed through `begin.Traces`, which gives them back as they are, or, from
`watched.py`, wrapped. `contexts` reads what producers say of themselves, `spans` speaks to OpenTelemetry, `sending` to
the collector.
"""
