"""What every stage stands on: clock, units, identifiers, addresses, tokens, errors. Imports nothing of the rest."""
