"""Who goes where, when and why: a pure machine, and the loop that feeds it and writes what it decides."""
