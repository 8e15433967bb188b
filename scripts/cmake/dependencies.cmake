# Libraries outside of LibTorch. Each is found on the system (scripts/setup) or under CMAKE_PREFIX_PATH
# (scripts/offline_bundle); what has no CMake package is found by its header and library.
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
# The flag alone, not the compiler's libgomp by its path: at run time Torch's own build of it must be the only one.
set_target_properties(OpenMP::OpenMP_CXX PROPERTIES INTERFACE_LINK_LIBRARIES "" INTERFACE_LINK_OPTIONS -fopenmp)
find_package(PkgConfig QUIET)

# gyre_find(NAME header [library...]) makes the imported target gyre::NAME.
function(gyre_find name header)
  find_path(GYRE_${name}_INCLUDE ${header} PATH_SUFFIXES eigen3)
  if(NOT GYRE_${name}_INCLUDE)
    message(FATAL_ERROR "${name}: header ${header} not found. Run scripts/setup, or point "
                        "CMAKE_PREFIX_PATH to a folder made by scripts/offline_bundle.")
  endif()
  add_library(gyre_dep_${name} INTERFACE IMPORTED GLOBAL)
  set_target_properties(gyre_dep_${name} PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES ${GYRE_${name}_INCLUDE}
    INTERFACE_SYSTEM_INCLUDE_DIRECTORIES ${GYRE_${name}_INCLUDE})
  foreach(library IN LISTS ARGN)
    find_library(GYRE_${name}_${library} ${library})
    if(NOT GYRE_${name}_${library})
      message(FATAL_ERROR "${name}: library ${library} not found. Run scripts/setup.")
    endif()
    target_link_libraries(gyre_dep_${name} INTERFACE ${GYRE_${name}_${library}})
  endforeach()
  add_library(gyre::${name} ALIAS gyre_dep_${name})
endfunction()

gyre_find(fmt fmt/core.h fmt)
gyre_find(crypto openssl/evp.h crypto)
gyre_find(tomlplusplus toml++/toml.h)
gyre_find(json nlohmann/json.hpp)
gyre_find(eigen Eigen/Core)
gyre_find(sqlite sqlite3.h sqlite3)
gyre_find(pcre2 pcre2.h pcre2-8)
gyre_find(lzma lzma.h lzma)
gyre_find(sentencepiece sentencepiece_processor.h sentencepiece)
gyre_find(cli11 CLI/CLI.hpp)
if(GYRE_ANALYSIS)
  gyre_find(boost_math boost/math/distributions/students_t.hpp)
endif()
if(GYRE_TESTS)
  gyre_find(gtest gmock/gmock.h gtest_main gmock gtest)
  add_library(GTest::gmock ALIAS gyre_dep_gtest)
  add_library(GTest::gtest_main ALIAS gyre_dep_gtest)
endif()
