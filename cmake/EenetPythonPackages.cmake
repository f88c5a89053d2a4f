# Header-only C++ packages that come as Python packages: found by asking the interpreter.

# Sets ${out} to what a line of Python prints.
function(eenet_ask_python out package code)
  execute_process(
    COMMAND "${Python_EXECUTABLE}" -c "${code}"
    OUTPUT_VARIABLE answer
    OUTPUT_STRIP_TRAILING_WHITESPACE
    RESULT_VARIABLE status
  )
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${Python_EXECUTABLE} has no ${package}: pip install ${package}")
  endif()
  set(${out} "${answer}" PARENT_SCOPE)
endfunction()

eenet_ask_python(
  EENET_JSON_DIR
  nlohmann-json
  "import nlohmann_json as n; print(n.__path__[0] + '/include')"
)
add_library(eenet_json INTERFACE)
target_include_directories(eenet_json SYSTEM INTERFACE "${EENET_JSON_DIR}")

# A macro, since find_package defines pybind11's commands where it is called.
macro(eenet_find_pybind11)
  if(NOT DEFINED pybind11_DIR)
    eenet_ask_python(pybind11_DIR pybind11 "import pybind11; print(pybind11.get_cmake_dir())")
  endif()
  find_package(pybind11 CONFIG REQUIRED)
endmacro()
