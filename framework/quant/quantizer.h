// Fake quantization with a law: forward(x) == dequantize(quantize(x)), bit for bit.
#pragma once

#include <torch/torch.h>

#include <memory>
#include <span>
#include <string_view>

#include "ops/solve_columns.h"
#include "spec/quant.h"

namespace gyre {

struct UniformGrid;  // ops/fake_quant.h

// Codes with what turns them into values. codes: uint8 [..., n]; scale, zero_point, offset: [..., n / group].
// value = (code - zero_point) * scale with zero_point in codes (integer, or the fixed middle of a symmetric
// grid), or value = code * scale + offset for a real offset, or value = codebook[code] with the codebook
// [..., n / group, levels]; exactly one of zero_point, offset and codebook is defined, and scale beside the
// first two. Arithmetic in the dtype of these (float32; float64 for float64 values), then one rounding to
// dtype.
struct QuantizedTensor {
  torch::Tensor codes = {}, scale = {}, zero_point = {}, offset = {};
  std::int64_t group_size = 0;
  torch::ScalarType dtype = torch::kFloat32;  // of the values
  int n_bits = 0;
  torch::Tensor codebook = {};
  // What scale, offset and codebook are stored in, without loss.
  torch::ScalarType stored = torch::kFloat32;
};
torch::Tensor dequantize(const QuantizedTensor& quantized);

// What a quantizer is for: a weight, whose rows have parameters of their own, or inputs, keys and values,
// whose rows are tokens and share what is learned.
enum class QuantSite { kWeight, kInput };

// A quantizer of rows: groups lie along the last dimension of x, whose size is a multiple of group_size.
//
// What is learned are its named_parameters(), in the arithmetic's dtype and undefined until calibrate():
//   step                  LSQ: [rows, groups], or [groups] for inputs
//   clip_low, clip_high   LWC, LDP: [rows, groups], logits of the ratios by which both ends are clipped
//   partition             LDP: [rows, groups, 2^n_bits - 2]
// Together with named_buffers() they are all that calibrate() fixes. calibrate() assigns new ones; an
// optimizer may write into them.
class Quantizer : public torch::nn::Module {
 public:
  // Fixes parameters from a sample, where the scheme keeps any; RTN's are made afresh from each input, its
  // clip search excepted. kInput when the sample is not finite and parameters come of it.
  virtual void calibrate(const torch::Tensor& sample) = 0;
  // Whether forward() cannot do without calibrate(): steps that tokens share. Other schemes without it take
  // from each input what calibrate() would take from it.
  virtual bool needs_calibration() const { return false; }
  // Fake quantization: same shape, dtype and device; differentiable in x (straight through, zero where
  // clipped) and in the parameters. kRun where needs_calibration(), but for a CalibrateOnUse.
  virtual torch::Tensor forward(const torch::Tensor& x) = 0;
  virtual QuantizedTensor quantize(const torch::Tensor& x) const = 0;
  // The grid with which forward(x) is fake_quant(x, grid) and nothing else; null where there is more to it.
  virtual const UniformGrid* plain_grid() const { return nullptr; }
  // Bits stored per value, parameters of the groups included. RTN counts 32 bits a scale, 32 more for a real
  // offset and n_bits more for an integer zero point; learned scales, offsets and levels have 16 bits each.
  virtual double bits_per_value() const = 0;
  // An independent quantizer with the same parameters: training one leaves the other as it is.
  virtual std::shared_ptr<Quantizer> copy() const;
  // For solvers that choose codes one value at a time: the levels that forward would use for the rows of one
  // group [rows, group_size], fixed. Clip searches are made afresh; what calibrate() fixed is not used.
  // Quantizers without it throw kUnsupported.
  virtual Levels levels(const torch::Tensor& group) const;

 protected:
  // Registers a learned parameter, or replaces it by a new tensor.
  void set_parameter(const std::string& name, torch::Tensor& member, const torch::Tensor& value);
};

// While one lives, forward() on this thread calibrates quantizers that need it on what they are given: one
// pass over a batch makes the steps of activations, keys and values.
class CalibrateOnUse {
 public:
  CalibrateOnUse();
  ~CalibrateOnUse();
  CalibrateOnUse(const CalibrateOnUse&) = delete;
  CalibrateOnUse& operator=(const CalibrateOnUse&) = delete;
  static bool active();
};

struct QuantScheme {
  std::string_view name;
  std::string_view summary;
  std::shared_ptr<Quantizer> (*make)(const QuantSpec& spec, std::int64_t size, QuantSite site);
};
std::span<const QuantScheme> quant_schemes();

// size: of the last dimension. kConfig on an unknown scheme, bits outside 2..8, a group that does not divide,
// levels (symmetric, zero_point) that the scheme has not, or a scheme for weights elsewhere. Scheme "none"
// gives nullptr.
std::shared_ptr<Quantizer> make_quantizer(const QuantSpec& spec, std::int64_t size,
                                          QuantSite site = QuantSite::kWeight);

}  // namespace gyre
