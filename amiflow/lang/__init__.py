"""The compiler: recipe text becomes a plan and diagnostics. Imports report, ami and plan; never engine."""
