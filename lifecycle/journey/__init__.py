"""Who goes where, when and why: a pure machine, and the loop that feeds it from the tables and writes what it decides."""
