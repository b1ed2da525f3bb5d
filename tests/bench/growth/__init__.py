"""What things cost by how much there is of them: `python -m tests.bench.growth`."""
