#include <fmt/format.h>

#include "core/error.h"
#include "model/packed.h"
#include "model/weights.h"
#include "spec/quant_rules.h"

namespace gyre {

double Footprint::bits_per_weight() const {
  return n_quantized > 0 ? 8 * (code_bytes + parameter_bytes) / static_cast<double>(n_quantized) : 0;
}

Footprint footprint(const LlamaConfig& config, const RunConfig& run, double rest_bits) {
  Footprint total;
  Llama shapes;  // without tensors
  shapes.config = config;
  for (const auto& slot : weight_slots(shapes)) {
    std::int64_t n = 1;
    for (const auto size : slot.shape) n *= size;
    total.fp16_bytes += 2.0 * static_cast<double>(n);
  }
  const bool folds = run.rotation.r1.scheme != "none";
  if (folds) shapes.config.tie_word_embeddings = false;

  const auto slots = weight_slots(shapes);
  const auto size_of = [&](const torch::Tensor& tensor) {
    for (const auto& slot : slots)
      if (slot.tensor == &tensor) return std::pair(slot.shape[0] * slot.shape[1], slot.shape[1]);
    return std::pair(std::int64_t{0}, std::int64_t{0});  // a tied head
  };
  for (const auto& slot : slots)
    if (slot.shape.size() == 1 && !(folds && slot.name.ends_with("norm.weight")))
      total.n_rest += slot.shape[0];
  total.n_rest += size_of(shapes.embedding).first;
  shapes.for_each_linear([&](LinearRef ref) {
    const auto [n, in] = size_of(ref.linear.weight);
    const auto quantizer = ref.role == LinearRole::kHead
                               ? nullptr
                               : make_quantizer(resolve_rules(run.quant.weight, ref.layer,
                                                              role_name(ref.role), config.num_hidden_layers),
                                                in);
    if (!quantizer) {
      total.n_rest += n;
      return;
    }
    // Codes have as many bits as there are levels; the rest is parameters.
    const auto n_bits = static_cast<double>(
        resolve_rules(run.quant.weight, ref.layer, role_name(ref.role), config.num_hidden_layers).n_bits);
    total.n_quantized += n;
    total.code_bytes += static_cast<double>(n) * n_bits / 8;
    total.parameter_bytes += static_cast<double>(n) * (quantizer->bits_per_value() - n_bits) / 8;
  });
  total.rest_bytes = static_cast<double>(total.n_rest) * rest_bits / 8;
  return total;
}

}  // namespace gyre
