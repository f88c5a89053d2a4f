# What to build. A wheel (scikit-build-core sets SKBUILD) holds the Python module alone; a build of this project for C++ users
# has the libraries and the tools; inside another project only the static library is built unless that project asks for more.
if(PROJECT_IS_TOP_LEVEL AND NOT DEFINED SKBUILD)
  set(EENET_FOR_CPP_USERS ON)
else()
  set(EENET_FOR_CPP_USERS OFF)
endif()
if(DEFINED SKBUILD)
  set(EENET_FOR_WHEEL ON)
else()
  set(EENET_FOR_WHEEL OFF)
endif()

option(EENET_BUILD_PYTHON "Build the Python module eenet_rt._core" ${EENET_FOR_WHEEL})
option(EENET_BUILD_TOOLS "Build the command eenet-run" ${EENET_FOR_CPP_USERS})
option(EENET_WATCH "Notice drift (Runtime::watch); without, asking for it is an error" ON)
option(EENET_BUILD_TESTS "Build the C++ tests" OFF)
option(EENET_FUZZ "Build the fuzz targets, with Clang and its sanitizers" OFF)
option(
  EENET_INSTALL
  "Build the shared libraries too, and install libraries, headers and find_package(eenet)"
  ${EENET_FOR_CPP_USERS}
)
option(EENET_WERROR "Treat warnings as errors" ${EENET_BUILD_TESTS})
if(EENET_FUZZ)
  set(EENET_DEFAULT_SANITIZE "fuzzer-no-link,address,undefined")
else()
  set(EENET_DEFAULT_SANITIZE "")
endif()
set(
  EENET_SANITIZE
  "${EENET_DEFAULT_SANITIZE}"
  CACHE STRING
  "Sanitizers to build with, as GCC takes them: address,undefined or thread"
)
set_property(CACHE EENET_SANITIZE PROPERTY STRINGS "" "address,undefined" "thread")
set(
  EENET_GTEST_SOURCE
  ""
  CACHE PATH
  "Folder of GoogleTest's sources to build it from, in place of an installed one"
)
