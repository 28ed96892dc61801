"""The ledger in motion: claim, compose, release, send, settle; and what brings back what was lost on the way."""
