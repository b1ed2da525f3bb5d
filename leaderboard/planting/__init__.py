"""The membership game dealt before training: for recognisers that others train."""
