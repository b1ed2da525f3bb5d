"""The transducer whose adapters are several after each layer, and mixed by attention."""
