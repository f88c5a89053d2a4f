"""Where installed packages keep the libraries that the runtime opens."""

from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

# Provider to the package that plugs it into ONNX Runtime, and the library in it.
_PLUGINS = {
    "openvino": ("onnxruntime_ep_openvino", "libonnxruntime_providers_openvino_plugin.so"),
    "onnxruntime:nv_tensorrt_rtx": ("onnxruntime_ep_nv_tensorrt_rtx", "libonnxruntime_providers_nv_tensorrt_rtx.so"),
}


def find_libraries() -> tuple[dict[str, list[str]], dict[str, str]]:
    """Find the libraries of installed packages, without importing these.

    Returns:
        Name of each backend to the paths of its library to try in order, none if the `onnxruntime` package is missing
        or too old to have one; and name of each provider that is plugged in to the path of its library.
    """
    return {"onnxruntime": _onnxruntime_libraries()}, _plugin_libraries()


def _onnxruntime_libraries() -> list[str]:
    folders = _folders("onnxruntime")
    return [str(path) for folder in folders for path in sorted((folder / "capi").glob("libonnxruntime.so*"))]


def _plugin_libraries() -> dict[str, str]:
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
