#include "model/rope.h"

#include <cmath>
#include <numbers>

#include "core/error.h"

namespace gyre {
namespace {

// LLaMA-3.1: wavelengths above original / low_freq_factor are stretched by factor, those below
// original / high_freq_factor kept, those between interpolated.
torch::Tensor scale_llama3(const torch::Tensor& frequencies, const Llama3RopeScaling& scaling) {
  const auto original = static_cast<double>(scaling.original_max_position_embeddings);
  const auto wavelength = 2 * std::numbers::pi / frequencies;
  const auto stretched = frequencies / scaling.factor;
  const auto smooth = (original / wavelength - scaling.low_freq_factor) /
                      (scaling.high_freq_factor - scaling.low_freq_factor);
  const auto between = (1 - smooth) * stretched + smooth * frequencies;
  const auto kept = torch::where(wavelength < original / scaling.high_freq_factor, frequencies, between);
  return torch::where(wavelength > original / scaling.low_freq_factor, stretched, kept);
}

}  // namespace

torch::Tensor rope_frequencies(const LlamaConfig& config) {
  const auto exponents =
      torch::arange(0, config.head_dim, 2, torch::kInt64).to(torch::kFloat32) / config.head_dim;
  auto frequencies = 1.0 / torch::pow(config.rope_theta, exponents);
  if (config.rope_scaling) frequencies = scale_llama3(frequencies, *config.rope_scaling);
  if (const auto& factors = config.rope_freq_factors; !factors.empty()) {
    GYRE_ASSERT(std::ssize(factors) == frequencies.numel());
    frequencies = frequencies / torch::tensor(factors, torch::kFloat32);
  }
  return frequencies;
}

RopeTable rope_table(const LlamaConfig& config, std::int64_t positions, torch::Device device,
                     torch::ScalarType dtype) {
  const auto angles = torch::outer(torch::arange(positions, torch::kFloat32), rope_frequencies(config));
  const auto kept = dtype == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
  return {angles.cos().to(dtype).to(device, kept), angles.sin().to(dtype).to(device, kept)};
}

}  // namespace gyre
