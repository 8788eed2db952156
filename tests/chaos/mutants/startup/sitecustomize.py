"""Python runs this at the start of each process that has this folder on its PYTHONPATH: it plants what is asked for.

Without the variables it does nothing. Whatever goes wrong must end the process: of an ordinary error here Python says
one line and goes on, and a mutant that was never planted would pass for one that the tests do not catch.
"""

import os
import sys
from pathlib import Path

if os.environ.keys() & {"CHAOS_MUTANT", "CHAOS_STOPS"}:
    sys.path.append(str(Path(__file__).resolve().parents[4]))
    try:
        from tests.chaos.mutants import planting

        planting.plant(os.environ)
    except Exception as problem:
        raise SystemExit(f"chaos: nothing was planted: {problem}") from problem
