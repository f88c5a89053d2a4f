"""Code in an interpreter of its own."""

from __future__ import annotations

import os
import subprocess
import sys


def python(code: str, *arguments: str, **environment: str) -> str:
    """The output of a fresh interpreter: ONNX Runtime's environment is one per process."""
    command = [sys.executable, "-W", "ignore::UserWarning", "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout
