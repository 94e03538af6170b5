"""What "train this on that" means: the one room that knows readers, models, losses and reports at once."""
