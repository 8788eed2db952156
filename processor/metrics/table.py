"""Every metric there is. Names, labels and units are a contract: dashboards, alerts and people build on them."""

from processor.metrics import found, told
from processor.metrics.metric import Section

SECTIONS = (
    Section("Every process", "From the process itself. `process` is its name under supervisor.", told.OF_PROCESS),
    Section("Workers", "From each worker itself; counters begin at 0 when it is started anew.", told.OF_WORKER),
    Section("The flusher", "From each flusher itself; one of all VMs leads.", told.OF_FLUSHER),
    Section("The scaler", "From each VM's scaler itself.", told.OF_SCALER),
    Section(
        "The pool",
        "Asked of Kafka and Redis by the exporter, every VM says the same: take `max by (partition)`, no sum over VMs.",
        found.OF_POOL,
    ),
    Section("The VM", "Asked of supervisor and the system by the exporter.", found.OF_VM),
)

TABLE = {metric.name: metric for section in SECTIONS for metric in section.metrics}
"""Each metric by its name."""
