"""The scaler's decisions on a simulated pool, seeded; `python -m benchmarks.scaling_simulation` draws them."""
