"""What a user's count is made of: their logins in the log, beside what Redis and user-aggregations say of them.

Read history (pure: which logins count, and whether the numbers agree), then explain (the order in which all is read).
"""
