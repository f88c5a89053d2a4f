# What the build needs: threads, nlohmann_json's headers and, for the Python module, Python and pybind11.
#
# nlohmann_json and pybind11 come as Python packages, found by asking the interpreter. Without Python, nlohmann_json may be a
# package that CMake finds, as Debian's nlohmann-json3-dev.
find_package(Threads REQUIRED)
# Before pybind11, which would look for an interpreter of its own.
if(EENET_BUILD_PYTHON)
  find_package(Python 3.10 REQUIRED COMPONENTS Interpreter Development.Module)
else()
  find_package(Python 3.10 QUIET COMPONENTS Interpreter)
endif()

# Sets ${out} to what a line of Python prints; empty if there is no interpreter or it fails.
function(eenet_ask_python out code)
  set(answer "")
  if(Python_Interpreter_FOUND)
    execute_process(
      COMMAND "${Python_EXECUTABLE}" -c "${code}"
      OUTPUT_VARIABLE answer
      OUTPUT_STRIP_TRAILING_WHITESPACE
      ERROR_QUIET
    )
  endif()
  set(${out} "${answer}" PARENT_SCOPE)
endfunction()

# Headers only, and private: nothing that is installed needs them.
add_library(eenet_json INTERFACE)
eenet_ask_python(EENET_JSON_DIR "import nlohmann_json as n; print(n.__path__[0] + '/include')")
if(EENET_JSON_DIR)
  target_include_directories(eenet_json SYSTEM INTERFACE "${EENET_JSON_DIR}")
else()
  find_package(nlohmann_json 3.10 CONFIG QUIET)
  if(NOT nlohmann_json_FOUND)
    message(
      FATAL_ERROR
      "nlohmann_json was not found: install Debian's nlohmann-json3-dev, or `pip install nlohmann-json` for the Python "
      "that -DPython_EXECUTABLE= names"
    )
  endif()
  target_link_libraries(eenet_json INTERFACE nlohmann_json::nlohmann_json)
endif()

# A macro, since find_package defines pybind11's commands where it is called.
macro(eenet_find_pybind11)
  if(NOT DEFINED pybind11_DIR)
    eenet_ask_python(pybind11_DIR "import pybind11; print(pybind11.get_cmake_dir())")
    if(NOT pybind11_DIR)
      message(FATAL_ERROR "${Python_EXECUTABLE} has no pybind11: pip install pybind11")
    endif()
  endif()
  find_package(pybind11 CONFIG REQUIRED)
endmacro()
