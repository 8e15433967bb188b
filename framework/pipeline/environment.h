// Where and with what a run was made.
#pragma once

#include <cstdint>
#include <string>

namespace gyre {

// "0.1.0+g1a2b3c4d5e" (".dirty" when built from a changed tree).
std::string gyre_version();

// One JSON object: version, cpu, instruction sets, cores, threads, memory_bytes, torch, os, device,
// model_note (how the model's weights are stored; without it where that is plain).
std::string environment_json(const std::string& device, int threads, const std::string& model_note = "");

std::int64_t machine_memory_bytes();
std::int64_t peak_memory_bytes();  // of this process so far

}  // namespace gyre
