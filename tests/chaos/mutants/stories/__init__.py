"""For each mutant the shortest story with real processes in which it is caught, and the sound pool is exact."""

from tests.chaos.mutants.stories import networks, rolled_back, standing_by, workers
from tests.chaos.mutants.stories.story import STORIES, Story

__all__ = ["STORIES", "Story", "networks", "rolled_back", "standing_by", "workers"]
