"""Restore by hand: shards filled from user-aggregations again, or all counts moved to another number of shards.

Read plan (what stands, and what is refused), then rebuild (damaged or empty shards), then reshard (the move, and why it
may be killed anywhere). term is a flusher's term without its rounds; levelling counts what some shards lack.
"""
