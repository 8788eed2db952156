"""What the pool's processes tell in numbers: one declared table (table.py), kept in memory (meter.py), left in a file.

No process but the exporter knows of Prometheus: the others add to plain numbers, once a batch, and a thread writes them
to `run_directory/metrics/` about once a second. A scraper, however slow or hostile, never meets a worker.
"""
