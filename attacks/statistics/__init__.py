"""From scores and coins to evidence: rates, intervals, bounds on ε."""
