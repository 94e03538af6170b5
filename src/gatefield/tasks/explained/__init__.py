"""What tasks offer to explainers, kind by kind of inputs; see `explainable`."""
