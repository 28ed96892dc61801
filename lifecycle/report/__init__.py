"""What came of it: numbers read from the tables, never written. Reports add up, and each rate names its denominator."""
