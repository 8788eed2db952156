"""benchmarks/SCALE.md: machines and money for sizes that can't be run here, from the unit costs that were measured."""
