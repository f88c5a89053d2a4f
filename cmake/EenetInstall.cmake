# The shared libraries, and `cmake --install`: libraries, headers, eenet-run, find_package(eenet) and pkg-config.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

# C++ and C. Before 1.0 every minor version may change the C++ interface, and so the binary one.
add_library(eenet_shared SHARED ${EENET_OBJECTS})
eenet_library_options(eenet_shared)
set_target_properties(
  eenet_shared
  PROPERTIES
    OUTPUT_NAME eenet
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
)

# C alone: nothing but the functions of c_api.h can be seen, so that its binary interface is theirs.
file(
  STRINGS "${PROJECT_SOURCE_DIR}/cpp/include/eenet/c_api.h"
  EENET_ABI_VERSION
  REGEX "^#define EENET_ABI_VERSION "
)
string(REGEX MATCH "[0-9]+" EENET_ABI_VERSION "${EENET_ABI_VERSION}")
add_library(eenet_c SHARED ${EENET_OBJECTS})
eenet_library_options(eenet_c)
set(EENET_C_SYMBOLS "${PROJECT_SOURCE_DIR}/cmake/eenet_c.map")
target_link_options(eenet_c PRIVATE "LINKER:--version-script=${EENET_C_SYMBOLS}")
set_target_properties(
  eenet_c
  PROPERTIES
    VERSION ${EENET_ABI_VERSION}.${PROJECT_VERSION}
    SOVERSION ${EENET_ABI_VERSION}
    LINK_DEPENDS "${EENET_C_SYMBOLS}"
)

set_target_properties(eenet_core PROPERTIES EXPORT_NAME eenet OUTPUT_NAME eenet)
set_target_properties(eenet_shared PROPERTIES EXPORT_NAME shared)
set_target_properties(eenet_c PROPERTIES EXPORT_NAME c)
install(TARGETS eenet_core eenet_shared eenet_c EXPORT eenetTargets)
install(DIRECTORY cpp/include/eenet TYPE INCLUDE)
if(TARGET eenet_run)
  install(TARGETS eenet_run)
endif()

set(EENET_CMAKE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/eenet")
install(EXPORT eenetTargets NAMESPACE eenet:: DESTINATION "${EENET_CMAKE_DIR}")
configure_package_config_file(
  "${CMAKE_CURRENT_LIST_DIR}/eenetConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/eenetConfig.cmake"
  INSTALL_DESTINATION "${EENET_CMAKE_DIR}"
)
write_basic_package_version_file(
  "${PROJECT_BINARY_DIR}/eenetConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion
)
install(
  FILES "${PROJECT_BINARY_DIR}/eenetConfig.cmake" "${PROJECT_BINARY_DIR}/eenetConfigVersion.cmake"
  DESTINATION "${EENET_CMAKE_DIR}"
)

# Paths from the file itself, so that the prefix may be moved.
file(
  RELATIVE_PATH
  EENET_PC_TO_INCLUDE
  "/${CMAKE_INSTALL_LIBDIR}/pkgconfig"
  "/${CMAKE_INSTALL_INCLUDEDIR}"
)
configure_file("${CMAKE_CURRENT_LIST_DIR}/eenet_c.pc.in" "${PROJECT_BINARY_DIR}/eenet_c.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/eenet_c.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
