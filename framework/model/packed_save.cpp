#include <fmt/format.h>

#include <deque>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "format/safetensors.h"
#include "model/config_readers.h"
#include "model/packed.h"
#include "model/packed_codes.h"
#include "model/packed_format.h"
#include "model/spec_json.h"
#include "model/weights.h"

namespace gyre {
namespace {

// Tensors on their way into a file, and what they take.
class Writer {
 public:
  void add_rest(const std::string& name, const torch::Tensor& tensor) {
    footprint.n_rest += tensor.numel();
    footprint.rest_bytes += add(name, tensor);
  }
  void add_parameter(const std::string& name, const torch::Tensor& tensor) {
    footprint.parameter_bytes += add(name, tensor);
  }

  void add_quantized(const std::string& name, const QuantizedTensor& q) {
    nlohmann::json facts{{"n_bits", q.n_bits},
                         {"group_size", q.group_size},
                         {"dtype", format::dtype_name(packed::container_dtype(q.dtype, name))}};
    footprint.n_quantized += q.codes.numel();
    footprint.code_bytes += add(name + ".codes", pack_codes(q.codes, q.n_bits));
    for (const auto& [part, tensor] : {std::pair(".scale", &q.scale), std::pair(".offset", &q.offset),
                                       std::pair(".codebook", &q.codebook)})
      if (tensor->defined()) {
        GYRE_CHECK(tensor->isfinite().all().item<bool>(), ErrorCode::kRun,
                   "{}{}: levels are not finite; the model diverged, and is not saved", name, part);
        add_parameter(name + part, tensor->to(q.stored));
      }
    if (q.zero_point.defined()) {
      const auto zero = q.zero_point.to(torch::kFloat64);
      if (zero.min().equal(zero.max()))
        facts["zero_point"] = zero.min().item<double>();
      else
        add_parameter(name + ".zero_point", pack_codes(zero.to(torch::kUInt8), q.n_bits));
    }
    weights[name] = facts;
  }

  void save(const std::filesystem::path& path, const std::map<std::string, std::string>& metadata) const {
    format::save_safetensors(path, views_, metadata);
  }

  Footprint footprint;
  nlohmann::json weights = nlohmann::json::object();

 private:
  double add(const std::string& name, const torch::Tensor& tensor) {
    const auto& kept = tensors_.emplace_back(tensor.detach().to(torch::kCPU).contiguous());
    const auto bytes = static_cast<std::size_t>(kept.nbytes());
    views_.push_back({name,
                      packed::container_dtype(kept.scalar_type(), name),
                      kept.sizes().vec(),
                      {static_cast<const std::byte*>(kept.const_data_ptr()), bytes}});
    return static_cast<double>(bytes);
  }

  std::deque<torch::Tensor> tensors_;
  std::vector<format::TensorView> views_;
};

nlohmann::json settings_of(const RunConfig& run) {
  auto json = JsonWriter::write(run);
  json.erase("run");  // how it was carried out
  return json;
}

}  // namespace

Footprint save_packed(const std::filesystem::path& path, Llama& model, const RunConfig& run, bool tied) {
  const torch::NoGradGuard no_grad;
  std::map<const torch::Tensor*, const Quantizer*> quantizers;
  model.for_each_linear([&](LinearRef ref) {
    if (ref.linear.weight_quantizer) quantizers[&ref.linear.weight] = ref.linear.weight_quantizer.get();
  });

  Writer writer;
  for (const auto& slot : weight_slots(model)) {
    if (!slot.tensor->defined()) continue;  // a folded norm
    const auto quantizer = quantizers.find(slot.tensor);
    if (quantizer == quantizers.end()) {
      writer.add_rest(slot.name, *slot.tensor);
      continue;
    }
    writer.add_quantized(slot.name, quantizer->second->quantize(*slot.tensor));
  }
  std::set<const Quantizer*> seen;
  packed::for_each_input_quantizer(
      model, [&](const std::string& name, std::shared_ptr<Quantizer>& quantizer) {
        if (!quantizer || !seen.insert(quantizer.get()).second) return;
        GYRE_CHECK(!quantizer->needs_calibration(), ErrorCode::kRun,
                   "{}: the quantizer {} has not been calibrated; train before packing", path.string(), name);
        for (const auto& entry : quantizer->named_parameters())
          writer.add_parameter(name + "." + entry.key(), entry.value());
      });

  LlamaConfig original = model.config;
  original.tie_word_embeddings = tied;
  const RunConfig plain;
  writer.footprint.fp16_bytes = footprint(original, plain).fp16_bytes;
  writer.save(path, {{"format", packed::kFormat},
                     {"model", hf_config_text(model.config)},
                     {"run", settings_of(run).dump()},
                     {"weights", writer.weights.dump()}});
  return writer.footprint;
}

}  // namespace gyre
