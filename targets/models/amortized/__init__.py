"""A transducer that decides for each frame what it computes, and saves the rest."""
