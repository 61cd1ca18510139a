"""People: arguments in, text and exit codes out, one module a command."""
