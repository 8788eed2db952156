"""What a login is and what becomes of it: pure functions, no clock, no environment, no input or output.

Read records, decode (the usual shape), unusual (the complete rules) with json_object and timestamps, then process and
count; cursors says where a partition starts.
"""
