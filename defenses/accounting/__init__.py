"""From what a mechanism did to the ε that it costs."""
