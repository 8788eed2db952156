"""What servers and workers said last: printed when a run is not sound, since its folder is gone afterwards."""

import re
from collections.abc import Iterator
from pathlib import Path

LINES = 12  # of one log
LONGEST = 300  # characters of one line
# Levels as Kafka, Redis ("#") and the pool write them.
_serious = re.compile(r'\b(WARN|ERROR|FATAL)\b|^\S+ .* # |"level": ?"(warning|error|critical)"')


def last_words(folder: Path) -> Iterator[str]:
    """For each log under a run's folder, its last warnings and errors; and its last lines, where it has none."""
    logs = (path for path in sorted(folder.rglob("*")) if path.suffix in {".log", ".out"} and path.is_file())
    for path in logs:
        lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
        serious = [line for line in lines if _serious.search(line)]
        if shown := (serious or lines)[-LINES:]:
            yield f"--- {path.relative_to(folder)}, {len(serious)} warnings and errors in {len(lines)} lines"
            yield from (line[:LONGEST] for line in shown)
