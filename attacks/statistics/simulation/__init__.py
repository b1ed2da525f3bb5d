"""Audits of mechanisms whose ε is known: what bounds are tested on, and how they do."""
