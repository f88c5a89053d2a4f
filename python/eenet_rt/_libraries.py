"""Where installed packages keep the libraries that the runtime opens."""

from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path


def onnxruntime_libraries() -> list[str]:
    """Find the ONNX Runtime library of the installed `onnxruntime` package, without importing it.

    Returns:
        Paths to try in order; empty if the package is missing or too old to have the library.
    """
    folders = _folders("onnxruntime")
    return [str(path) for folder in folders for path in sorted((folder / "capi").glob("libonnxruntime.so*"))]


# Provider to the package that plugs it into ONNX Runtime, and the library in it.
_PLUGINS = {
    "openvino": ("onnxruntime_ep_openvino", "libonnxruntime_providers_openvino_plugin.so"),
    "nv_tensorrt_rtx": ("onnxruntime_ep_nv_tensorrt_rtx", "libonnxruntime_providers_nv_tensorrt_rtx.so"),
}


def plugin_libraries() -> dict[str, str]:
    """Find the installed packages that plug execution providers into ONNX Runtime, without importing them.

    Returns:
        Short name of each provider to the path of its library.
    """
    found = {}
    for name, (package, library) in _PLUGINS.items():
        for folder in _folders(package):
            if (folder / library).is_file():
                found[name] = str(folder / library)
    return found


def _folders(package: str) -> list[Path]:
    try:
        spec = find_spec(package)
    except ValueError:
        # A module that was put into sys.modules by hand, as test suites do, says nothing of what is installed.
        spec = PathFinder.find_spec(package)
    return [] if spec is None else [Path(folder) for folder in spec.submodule_search_locations or []]
