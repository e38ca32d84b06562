"""What a model is asked in an evaluation, phase by phase: each turns units of a source into prediction rows."""
