"""Schemes that are to make up for cohorts of speakers that a model serves worse."""
