"""The world: sockets, clock, files, signals. Imports report, ami, plan, engine and tools; never reaches lang."""
