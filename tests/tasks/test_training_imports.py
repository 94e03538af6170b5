"""Training does not import what it does not need: scikit-learn alone takes two seconds."""

from __future__ import annotations

import subprocess
import sys


def test_training_digits_does_not_import_scikit_learn(tmp_path):
    script = (
        "import sys\nfrom gatefield import train\n"
        f"train('digits', 'model=softmax-regression', 'training.epochs=1', out={str(tmp_path / 'run')!r})\n"
        "assert 'sklearn' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
