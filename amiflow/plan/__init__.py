"""The waist between compiler and engine: frozen data and what prints or stores it. Imports report alone; no I/O."""
