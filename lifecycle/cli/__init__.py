"""The command line: one thin module a command (parse, wire, call, print)."""
