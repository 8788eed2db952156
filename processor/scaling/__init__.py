"""How many workers run where: decisions only, without I/O, time and facts handed in.

Read load (what the looks at the pool mean), need (how many workers that asks for), pool (the target, and each host's
share of it), slots (which processes of this host to start or stop), care (which to start again or to replace).
"""
