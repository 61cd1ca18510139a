"""What stands on compiler and engine without touching the world: formatter, recipe tests, simulated PBX, scenarios."""
