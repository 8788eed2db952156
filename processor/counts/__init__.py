"""All of redis: nothing outside this folder imports it.

Read keys (what is where), connection (the way there) and failures (whose turn it is after an error), then store (the
worker's side), snapshot and lease (the flusher's), loading (restore) and reading (the tools). Each script in lua/ opens
with its keys, arguments and answers; answers.py reads what they have in common.
"""
