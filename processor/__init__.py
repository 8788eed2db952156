"""data-processor: every login of a Kafka topic processed once and counted once, whatever dies.

`logins/` decides, without any I/O; `kafka/` and `counts/` each speak to one system; `worker.py`, `flusher.py` and
`restore.py` say who does what in which order; `scaling/` decides how many workers run where, `supervision/` speaks to
supervisord, for `scaler.py` and `restarting.py`; `cli/` starts them. `audit/`, `status/`, `doctor/`, `explain/`,
`letters/`, `recovery/` and `reset/` are an operator's tools, `metrics/`, `exporter/` and `traces/` what is watched.
Read settings.py and errors.py first, then worker.py.
"""
