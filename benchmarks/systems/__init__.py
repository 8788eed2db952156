"""The systems that `benchmarks/peers` compares: how each is built and started, a folder for each one's own sources."""
