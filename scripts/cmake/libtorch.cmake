# LibTorch as imported targets of our own: Torch's CMake package would demand CUDA even for CPU programs.
# gyre::torch is libtorch_cpu.so and libc10.so alone; libtorch.so would pull in libtorch_cuda.so.
# A GPU server's own torch is taken with -DGYRE_TORCH_DIR=.../site-packages/torch.
if(NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
  set(gyre_cache $ENV{XDG_CACHE_HOME}/gyre)
else()
  set(gyre_cache $ENV{HOME}/.cache/gyre)
endif()
set(GYRE_TORCH_DIR ${gyre_cache}/libtorch-${TORCH_VERSION}/torch CACHE PATH "Folder with include/ and lib/ of torch")
if(NOT EXISTS ${GYRE_TORCH_DIR}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "LibTorch ${TORCH_VERSION} not found at ${GYRE_TORCH_DIR}. Run scripts/setup, or set GYRE_TORCH_DIR.")
endif()

# Torch's headers without the libraries that it carries beside them: its fmt would hide ours, and two versions of one
# library do not link.
set(torch_view ${CMAKE_BINARY_DIR}/torch-include)
file(MAKE_DIRECTORY ${torch_view})
foreach(folder ATen c10 caffe2 torch)
  file(CREATE_LINK ${GYRE_TORCH_DIR}/include/${folder} ${torch_view}/${folder} SYMBOLIC)
endforeach()

add_library(gyre_dep_torch INTERFACE IMPORTED GLOBAL)
set(torch_includes ${torch_view} ${torch_view}/torch/csrc/api/include)
set_target_properties(gyre_dep_torch PROPERTIES
  INTERFACE_INCLUDE_DIRECTORIES "${torch_includes}"
  INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${torch_includes}")
# libgomp first: Torch brings its own build of it, and two of them in one process oversubscribe the cores.
file(GLOB torch_gomp ${GYRE_TORCH_DIR}/lib/libgomp*.so*)
# OpenMP for all that uses Torch: without it at::parallel_for is a plain loop, and the precompiled header fits none but
# targets with the same flags.
target_link_libraries(gyre_dep_torch INTERFACE
  ${GYRE_TORCH_DIR}/lib/libtorch_cpu.so ${GYRE_TORCH_DIR}/lib/libc10.so ${torch_gomp} OpenMP::OpenMP_CXX)
set(gyre_cuda_runtime ${GYRE_TORCH_DIR}/../nvidia/cu13)  # libcudart and libcupti, which libtorch_cpu.so needs
target_link_options(gyre_dep_torch INTERFACE
  -Wl,--disable-new-dtags -Wl,-rpath,${GYRE_TORCH_DIR}/lib -Wl,-rpath,${gyre_cuda_runtime}/lib -Wl,--allow-shlib-undefined)
add_library(gyre::torch ALIAS gyre_dep_torch)

if(GYRE_CUDA)
  include(cuda)
endif()
