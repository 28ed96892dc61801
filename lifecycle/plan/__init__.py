"""What an edit would do and to whom; putting it into force; rehearsals in virtual time."""
