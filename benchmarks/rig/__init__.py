"""What all benchmarks stand on: servers, logins, a pool, and how time, CPU and memory are taken."""
