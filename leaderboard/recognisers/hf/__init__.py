"""The door to models of the library `transformers`: CTC, sequence to sequence, transducers."""
