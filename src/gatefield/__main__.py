"""``python -m gatefield`` and ``torchrun -m gatefield`` are the ``gatefield`` command."""

from .cli.main import main

main()
