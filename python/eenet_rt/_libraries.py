"""Where installed packages keep the libraries that the runtime opens."""

from importlib.util import find_spec
from pathlib import Path


def onnxruntime_libraries() -> list[str]:
    """Find the ONNX Runtime library of the installed `onnxruntime` package, without importing it.

    Returns:
        Paths to try in order; empty if the package is missing or too old to have the library.
    """
    spec = find_spec("onnxruntime")
    if spec is None:
        return []
    folders = [Path(folder) / "capi" for folder in spec.submodule_search_locations or []]
    return [str(path) for folder in folders for path in sorted(folder.glob("libonnxruntime.so*"))]
