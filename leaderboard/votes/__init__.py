"""How the votes of PATE went in a run: rows, table and picture, from its records."""
