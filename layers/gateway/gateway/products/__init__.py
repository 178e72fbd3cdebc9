"""The product catalogue: what is sold, by whom, for how much. It knows nothing of models."""
