"""What tasks offer to attacks, kind by kind of inputs and answers; see `attackable`."""
