# The CUDA compiler, for GYRE_CUDA=ON: from PATH, /usr/local/cuda, or where scripts/setup --cuda puts it. Code is made
# for Turing to Hopper where nothing else is asked for.
if(NOT DEFINED CMAKE_CUDA_COMPILER)
  find_program(GYRE_NVCC nvcc PATHS /usr/local/cuda/bin ${gyre_cache}/cuda-${CUDA_NVCC_VERSION}/bin)
  if(NOT GYRE_NVCC)
    message(FATAL_ERROR "GYRE_CUDA=ON, but no nvcc on PATH. scripts/setup --cuda brings one; or set CMAKE_CUDA_COMPILER.")
  endif()
  set(CMAKE_CUDA_COMPILER ${GYRE_NVCC})
endif()
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 75 80 86 89 90)
endif()
enable_language(CUDA)
# CMake 3.25 does not know that nvcc takes C++20 since 12.0.
set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
