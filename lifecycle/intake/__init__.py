"""Facts in: contacts, events, identities, consent; from files and over HTTP alike. Facts are rolled up with them."""
