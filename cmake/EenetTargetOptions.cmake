# What every target of the project is compiled with.
function(eenet_target_options target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(
    ${target}
    PROPERTIES
      CXX_EXTENSIONS OFF
      CXX_VISIBILITY_PRESET hidden
      VISIBILITY_INLINES_HIDDEN ON
      POSITION_INDEPENDENT_CODE ON
  )
  target_compile_options(
    ${target}
    PRIVATE
      -Wall
      -Wextra
      -Wpedantic
      -Wshadow
      -Wconversion
      # Fused multiply-adds would make scores depend on the processor.
      -ffp-contract=off
      $<$<BOOL:${EENET_WERROR}>:-Werror>
  )
  if(EENET_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${EENET_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(${target} PUBLIC -fsanitize=${EENET_SANITIZE})
  endif()
endfunction()

# What each of the runtime's libraries is, static or shared: the public headers, and what they need.
function(eenet_library_options target)
  target_include_directories(
    ${target}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/cpp/include> $<INSTALL_INTERFACE:include>
  )
  target_link_libraries(${target} PUBLIC Threads::Threads ${CMAKE_DL_LIBS})
  eenet_target_options(${target})
  if(NOT EENET_INSTALL)
    # No shared library is made of these objects, so nothing needs to be seen from outside.
    target_compile_definitions(${target} PUBLIC EENET_HIDDEN)
  endif()
endfunction()
