"""All of confluent_kafka: nothing outside this folder imports it.

Read client (settings and errors), then source and output (the worker's two ends), publisher (the flusher's),
and cluster, offsets, topics, reader (what processes and tools ask of Kafka).
"""
