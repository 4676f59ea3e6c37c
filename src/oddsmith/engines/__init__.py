"""How a fold runs."""
