"""The mind of the runner: (input, now) becomes effects. Imports ami and plan; never lang; touches no world."""
