"""`data-processor status`: what the pool looks like from outside, and whether it is healthy.

Read facts (what is known), then picture (what it means) and health (what is wrong), which are pure; gather asks Kafka
and Redis.
"""
