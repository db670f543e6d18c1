"""What the benchmarks of speed share: processes and what they use, a server, results and how they are shown."""
