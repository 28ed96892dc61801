"""Tables, engine, migrations: what the stages meet in."""
