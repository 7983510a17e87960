"""Owns what is understood of a text: providers, examples, trained models, and the record of each call.
Says TurnUnderstood, TrainingRequested, ModelTrained, ModelPromoted.
Hears TrainingRequested.
Never decides what a conversation does with it, and never keeps a caller waiting beyond two seconds."""
