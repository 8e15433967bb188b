// Fake quantization with a law: forward(x) == dequantize(quantize(x)), bit for bit.
#pragma once

#include <torch/torch.h>

#include <memory>
#include <span>
#include <string_view>

#include "ops/solve_columns.h"
#include "spec/run.h"

namespace gyre {

struct UniformGrid;  // ops/fake_quant.h

// Codes with what turns them into values. codes: uint8 [..., n]; scale, zero_point, offset: [..., n / group].
// value = (code - zero_point) * scale with zero_point in codes (integer, or the fixed middle of a symmetric
// grid), or value = code * scale + offset for a real offset; exactly one of the two is defined. Arithmetic in
// the scale's dtype (float32; float64 for float64 values), then one rounding to dtype.
struct QuantizedTensor {
  torch::Tensor codes, scale, zero_point, offset;
  std::int64_t group_size = 0;
  torch::ScalarType dtype = torch::kFloat32;  // of the values
};
torch::Tensor dequantize(const QuantizedTensor& quantized);

// A quantizer of rows: groups lie along the last dimension of x, whose size is a multiple of group_size.
class Quantizer : public torch::nn::Module {
 public:
  // Fixes parameters from a sample, where the scheme keeps any; RTN's are made afresh from each input, its
  // clip search excepted.
  virtual void calibrate(const torch::Tensor& sample) = 0;
  // Fake quantization: same shape, dtype and device; differentiable (straight through, zero where clipped).
  virtual torch::Tensor forward(const torch::Tensor& x) = 0;
  virtual QuantizedTensor quantize(const torch::Tensor& x) const = 0;
  // The grid with which forward(x) is fake_quant(x, grid) and nothing else; null where there is more to it.
  virtual const UniformGrid* plain_grid() const { return nullptr; }
  // Bits stored per value, scales and zero points included. RTN counts 32 bits a scale, 32 more for a real
  // offset and n_bits more for an integer zero point.
  virtual double bits_per_value() const = 0;
  // For solvers that choose codes one value at a time: the levels that forward would use for the rows of one
  // group [rows, group_size], fixed. Clip searches are made afresh; what calibrate() fixed is not used.
  // Quantizers without it throw kUnsupported.
  virtual Levels levels(const torch::Tensor& group) const;
};

struct QuantScheme {
  std::string_view name;
  std::string_view summary;
  std::shared_ptr<Quantizer> (*make)(const QuantSpec& spec, std::int64_t size);  // size: last dimension
};
std::span<const QuantScheme> quant_schemes();

// kConfig on an unknown scheme, bits outside 2..8, a group that does not divide, or a zero_point that does
// not fit symmetric. Scheme "none" gives nullptr.
std::shared_ptr<Quantizer> make_quantizer(const QuantSpec& spec, std::int64_t size);

}  // namespace gyre
