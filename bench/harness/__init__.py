"""The parts of a benchmark: processes on one core, wrk, the machine, statistics."""
