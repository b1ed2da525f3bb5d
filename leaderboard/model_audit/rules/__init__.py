"""Linear rules that tell utterances apart, each judged on speakers that it was not learnt from."""
