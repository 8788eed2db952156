"""The same cases on a broker and on its twin in memory."""

from collections.abc import Iterator

import pytest

from tests import stack
from tests.clusters import AnyCluster, MemoryCluster, RealCluster, settings_for


@pytest.fixture(params=["memory", "kafka"])
def cluster(request: pytest.FixtureRequest) -> Iterator[AnyCluster]:
    """Yield a cluster with this test's own topics."""
    if request.param == "memory":
        yield MemoryCluster()
        return
    settings = settings_for(request.getfixturevalue("settings"))
    stack.create_topics(settings)
    real = RealCluster(settings, request.getfixturevalue("kafka"))
    yield real
    real.close()
    stack.delete_topics(settings)
