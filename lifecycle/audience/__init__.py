"""Who is where: conditions over contacts, for sets (SQL) and for one (plain evaluation); stages; memberships."""
