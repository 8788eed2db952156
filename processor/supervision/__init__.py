"""supervisord, over its Unix socket: what its processes do, and the few things that it is asked to do with them."""
