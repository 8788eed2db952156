"""Planted bugs: an oracle that does not see them is none.

Each mutant is a small function that breaks one module of the real processes, in memory, while they start. Nothing of
that is in processor/: a mutant exists only where the environment names it (`environment`), and reaches the processes
through Python's own `sitecustomize`, under supervisord as in any other way, since children inherit the environment.

To add one: a function with the decorator `mutant` in the file that fits, its bug as the docstring's first line; and in
stories/ the shortest story in which it is caught.
"""

from tests.chaos.mutants import counting, publishing, reading, writing
from tests.chaos.mutants.kinds import FAULTS, MUTANTS, Mutant
from tests.chaos.mutants.variables import environment

__all__ = ["FAULTS", "MUTANTS", "Mutant", "counting", "environment", "publishing", "reading", "writing"]
