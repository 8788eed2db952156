"""`data-processor doctor`: everything between "installed" and "healthy", and what to do next.

Read finding (what is said), then on_kafka, on_redis, on_machine and on_supervisor, which judge facts and are pure;
machine gathers them, as kafka/checkup.py, counts/checkup.py and supervision/ do; examination asks everyone in order.
"""
