// What launches need to know of a GPU.
#pragma once

namespace gyre::kernels::cuda {

struct DeviceFacts {
  int capability = 0;    // 90 for sm_90; 0: no device
  int shared_bytes = 0;  // that a thread block may have
  int processors = 0;    // multiprocessors
};

// Of the current device, asked for once a device: a launch under graph capture asks nothing of the driver.
const DeviceFacts& device_facts();

}  // namespace gyre::kernels::cuda
