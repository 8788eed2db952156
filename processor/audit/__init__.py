"""The audit: recomputes from user-login what the outputs, Redis and user-aggregations must hold, while the pool runs.

Read audit (the order of steps, which is what makes it exact) first. What decides is pure: begin (from where on can be
known), outputs and dead_letters (each input once, in order), tally and standing (counts of users), published.
What asks: noted (positions), passes (the log against the outputs), looks (Redis). findings is what comes out of it,
baseline what stays for the next time.
"""
