#include "model/hf_folder.h"

#include <fmt/format.h>

#include <deque>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "format/safetensors.h"
#include "model/config_readers.h"
#include "model/tensor_loading.h"
#include "model/weights.h"

namespace gyre {
namespace {

void refuse_unless_plain(Llama& model, const std::vector<WeightSlot>& slots) {
  const auto refuse = [](const std::string& what) {
    fail(ErrorCode::kUnsupported, "a Hugging Face folder holds plain weights alone, but the model has {}",
         what);
  };
  for (const auto& slot : slots)
    if (!slot.tensor->defined()) refuse("no tensor " + slot.name + " (its norms are folded)");
  for (const auto& block : model.blocks)
    if (block.attention.r3 || block.attention.key_quantizer || block.attention.value_quantizer)
      refuse("online rotations or quantizers of keys and values");
  model.for_each_linear([&](LinearRef ref) {
    const auto& linear = ref.linear;
    if (linear.online_rotation || linear.input_quantizer || linear.weight_quantizer)
      refuse("a rotation or a quantizer at " + ref.name());
  });
}

std::string config_text(const LlamaConfig& config, torch::ScalarType dtype, const HfDetails& details) {
  auto json = nlohmann::ordered_json::parse(hf_config_text(config));
  const char* name = dtype == torch::kFloat32 ? "float32" : dtype == torch::kFloat16 ? "float16" : "bfloat16";
  json["torch_dtype"] = name;
  json["initializer_range"] = details.initializer_range;
  if (details.bos_token_id >= 0) json["bos_token_id"] = details.bos_token_id;
  if (details.eos_token_id >= 0) json["eos_token_id"] = details.eos_token_id;
  return json.dump(2) + "\n";
}

}  // namespace

void save_hf_model(const std::filesystem::path& folder, const Llama& model, torch::ScalarType dtype,
                   const HfDetails& details) {
  GYRE_ASSERT(dtype == torch::kFloat32 || dtype == torch::kFloat16 || dtype == torch::kBFloat16);
  const torch::NoGradGuard no_grad;
  Llama copy = model.shallow_copy();
  const auto slots = weight_slots(copy);
  refuse_unless_plain(copy, slots);
  std::deque<torch::Tensor> held;
  std::vector<format::TensorView> views;
  for (const auto& slot : slots) {
    const auto& t = held.emplace_back(slot.tensor->detach().to(torch::kCPU).to(dtype).contiguous());
    GYRE_CHECK(t.isfinite().all().item<bool>(), ErrorCode::kRun,
               "{}: a value of {} is not finite in {}; the model is not saved", folder.string(), slot.name,
               torch::toString(dtype));
    views.push_back({slot.name,
                     *container_dtype(dtype),
                     t.sizes().vec(),
                     {static_cast<const std::byte*>(t.const_data_ptr()), t.nbytes()}});
  }
  // "format" is what transformers asks a file for.
  format::save_safetensors(folder / "model.safetensors", views, {{"format", "pt"}});
  write_file_atomically(folder / "config.json", config_text(copy.config, dtype, details));
}

}  // namespace gyre
