"""For tools: they say themselves what went wrong, in one line; librdkafka's own lines would only stand around it."""

import logging

QUIET = logging.getLogger("librdkafka.tools")
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False
