"""The exporter: one place a VM to scrape. What its processes told, what Kafka, Redis and supervisor say, and readiness.

Threads of its own ask the systems every few seconds; a scrape only writes down what is known, at most once a second.
"""
