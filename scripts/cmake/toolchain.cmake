# Language level, warnings, sanitizers, ccache. Targets link gyre_options to get them.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_COMPILE_OPTIONS_PIE -fPIC)  # programs as libraries, so that they can share a precompiled header
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(GYRE_CCACHE ccache)
if(GYRE_CCACHE)
  # Without the sloppiness, ccache refuses every file that uses a precompiled header.
  set(gyre_launcher ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${GYRE_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${gyre_launcher})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${gyre_launcher})
endif()

add_library(gyre_options INTERFACE)
# g++ 12 sees overlaps that cannot be in "text" + std::string (GCC bug 105651).
set(gyre_warnings -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wno-restrict)
if(GYRE_WERROR)
  list(APPEND gyre_warnings -Werror)
endif()
target_compile_options(gyre_options INTERFACE
  "$<$<COMPILE_LANGUAGE:CXX>:${gyre_warnings};-fno-math-errno;-ffp-contract=off>")
if(CMAKE_CXX_COMPILER_LAUNCHER)
  target_compile_options(gyre_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)
endif()
if(GYRE_SANITIZE)
  list(JOIN GYRE_SANITIZE "," gyre_sanitizers)
  target_compile_options(gyre_options INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${gyre_sanitizers}> $<$<COMPILE_LANGUAGE:CXX>:-fno-omit-frame-pointer>)
  target_link_options(gyre_options INTERFACE -fsanitize=${gyre_sanitizers})
endif()
