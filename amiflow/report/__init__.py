"""Sources, spans and diagnostics: what is told to people about a text. Imports nothing of amiflow; no I/O."""
