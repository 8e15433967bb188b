#include "model/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <set>

#include "core/digest.h"
#include "core/error.h"
#include "core/files.h"
#include "core/text.h"
#include "format/safetensors.h"
#include "model/config_readers.h"
#include "model/tensor_loading.h"
#include "model/weights.h"

namespace gyre {
namespace fs = std::filesystem;
namespace {

// A container with what differs between the three kinds.
struct Container {
  LlamaConfig config;
  std::shared_ptr<const format::TensorSource> tensors;
  std::string (*name)(std::string_view hf_name);  // Hugging Face's name of a weight to the container's
  bool interleaved_rope;                          // rows of q and k come in RoPE pairs
};

std::string same_name(std::string_view name) {
  return std::string(name);
}

enum class Kind { kHuggingFace, kGguf, kLlama2c };

Kind kind_of(const fs::path& path) {
  GYRE_CHECK(fs::exists(path), ErrorCode::kInput,
             "{}: no such model. Give a Hugging Face folder, a .gguf or a llama2.c .bin; `scripts/get_model "
             "smollm2-135m` "
             "fetches the reference model, model.path=default is the embedded one",
             path.string());
  if (fs::is_directory(path)) {
    GYRE_CHECK(fs::exists(path / "config.json"), ErrorCode::kInput,
               "{}: a folder without config.json; expected a Hugging Face model folder", path.string());
    return Kind::kHuggingFace;
  }
  char magic[4] = {};
  std::ifstream(path, std::ios::binary).read(magic, sizeof magic);
  if (std::memcmp(magic, "GGUF", sizeof magic) == 0 || path.extension() == ".gguf") return Kind::kGguf;
  if (path.extension() == ".bin") return Kind::kLlama2c;
  fail(ErrorCode::kUnsupported,
       "{}: not a model that gyre knows; expected a Hugging Face folder (config.json beside .safetensors), a "
       ".gguf, or a "
       "llama2.c .bin",
       path.string());
}

Container open_container(const fs::path& path) {
  switch (kind_of(path)) {
    case Kind::kHuggingFace:
      return {read_hf_config(path / "config.json"), format::open_safetensors(path), same_name, false};
    case Kind::kGguf: {
      std::shared_ptr<const format::Gguf> gguf = format::Gguf::open(path);
      return {read_gguf_config(*gguf, path.string()), gguf, gguf_weight_name, true};
    }
    case Kind::kLlama2c: {
      std::shared_ptr<const format::Llama2c> file = format::Llama2c::open(path);
      return {read_llama2c_config(*file, path.string()), file, same_name, true};
    }
  }
  GYRE_ASSERT(false);
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

// Buffers that files carry beside the weights.
bool is_buffer(const std::string& name) {
  return name.ends_with("rotary_emb.inv_freq") || name == "rope_freqs.weight";
}

bool same_bytes(const format::TensorView& a, const format::TensorView& b) {
  return a.dtype == b.dtype && a.shape == b.shape && std::ranges::equal(a.data, b.data);
}

// A tied model may store its head once more, as long as it is the same.
bool is_tied_copy(const Container& container, const std::string& name) {
  if (!container.config.tie_word_embeddings || name != container.name("lm_head.weight")) return false;
  GYRE_CHECK(
      same_bytes(container.tensors->at(name),
                 container.tensors->at(container.name("model.embed_tokens.weight"))),
      ErrorCode::kUnsupported,
      "{} differs from the embedding although the configuration ties them; set tie_word_embeddings to false",
      name);
  return true;
}

// Names and shapes against the configuration; every tensor of the file has a place.
void check_names(const Container& container, const std::vector<WeightSlot>& slots) {
  std::vector<std::string> missing;
  std::set<std::string> known;
  for (const auto& slot : slots) {
    const auto name = container.name(slot.name);
    known.insert(name);
    if (!container.tensors->contains(name)) {
      missing.push_back(name);
      continue;
    }
    const auto shape = container.tensors->at(name).shape;
    GYRE_CHECK(shape == slot.shape, ErrorCode::kInput,
               "tensor {} has shape {}, the configuration asks for {}", name, shape_text(shape),
               shape_text(slot.shape));
  }
  std::vector<std::string> superfluous;
  for (const auto& name : container.tensors->names())
    if (!known.contains(name) && !is_buffer(name) && !is_tied_copy(container, name))
      superfluous.push_back(name);
  const auto some = [](std::vector<std::string> names) {
    const auto count = names.size();
    names.resize(std::min<std::size_t>(count, 4));
    return join(names, ", ") + (count > 4 ? fmt::format(", ... ({} in all)", count) : "");
  };
  GYRE_CHECK(missing.empty(), ErrorCode::kInput, "tensors are missing: {}", some(missing));
  GYRE_CHECK(superfluous.empty(), ErrorCode::kInput,
             "tensors that a LLaMA of this configuration does not have: {}; it is another architecture",
             some(superfluous));
}

// The sizes, exactly and in a fixed order, for the digest.
std::string config_text(const LlamaConfig& c) {
  auto text = fmt::format("{} {} {} {} {} {} {} {} {} {} {} {} {}", c.vocab_size, c.hidden_size,
                          c.intermediate_size, c.num_hidden_layers, c.num_attention_heads,
                          c.num_key_value_heads, c.head_dim, c.max_position_embeddings, c.rms_norm_eps,
                          c.rope_theta, c.tie_word_embeddings, c.attention_bias, c.mlp_bias);
  if (const auto& s = c.rope_scaling)
    text += fmt::format(" llama3 {} {} {} {}", s->factor, s->low_freq_factor, s->high_freq_factor,
                        s->original_max_position_embeddings);
  return text + fmt::format(" {}\n", fmt::join(c.rope_freq_factors, " "));
}

void add_to_digest(Sha256& sha, const format::TensorView& view) {
  sha.update(fmt::format("{} {} {}\n", view.name, format::dtype_name(view.dtype), shape_text(view.shape)))
      .update(view.data);
}

std::string describe(const LlamaConfig& c, const std::string& name, std::int64_t n_parameters) {
  return fmt::format(
      "{}: {} layers, hidden {}, {} heads on {} key-value heads of {}, intermediate {}, vocabulary {}{}, "
      "{:.2f} M parameters",
      name, c.num_hidden_layers, c.hidden_size, c.num_attention_heads, c.num_key_value_heads, c.head_dim,
      c.intermediate_size, c.vocab_size, c.tie_word_embeddings ? " (tied)" : "",
      static_cast<double>(n_parameters) / 1e6);
}

// Of the tensors that hold weights: "weights dequantized from Q4_1, Q8_0", or nothing.
std::string note_of(const format::TensorSource& tensors) {
  std::set<std::string> formats;
  for (const auto& name : tensors.names())
    if (const auto dtype = tensors.at(name).dtype; !is_buffer(name) && format::is_quantized(dtype))
      formats.insert(format::dtype_name(dtype));
  return formats.empty() ? "" : fmt::format("weights dequantized from {}", fmt::join(formats, ", "));
}

LoadedModel load(const fs::path& path, torch::ScalarType dtype, torch::Device device) {
  const Container container = open_container(path);
  LoadedModel loaded;
  loaded.model.config = container.config;
  auto slots = weight_slots(loaded.model);
  check_names(container, slots);

  // In sorted order, so that digest and conversion read each byte of the file once, one after the other.
  std::ranges::sort(slots, {}, [&](const WeightSlot& slot) { return container.name(slot.name); });
  Sha256 sha;
  sha.update(config_text(container.config));
  std::int64_t n_parameters = 0;
  for (const auto& slot : slots) {
    const auto view = container.tensors->at(container.name(slot.name));
    add_to_digest(sha, view);
    auto tensor = load_tensor(view, dtype, device);
    if (container.interleaved_rope && slot.rope_heads > 0)
      tensor = interleaved_to_halves(tensor, slot.rope_heads);
    *slot.tensor = tensor;
    n_parameters += tensor.numel();
  }
  if (container.config.tie_word_embeddings) loaded.model.head.weight = loaded.model.embedding;
  loaded.digest = sha.hex();
  loaded.description =
      describe(container.config, fs::path(path / "").parent_path().filename().string(), n_parameters);
  loaded.note = note_of(*container.tensors);
  return loaded;
}

// Puts the model's path in front of messages that speak of a tensor.
template <class Read>
auto naming_path(const fs::path& path, Read read) {
  try {
    return read();
  } catch (const Error& error) {
    const std::string message = error.what();
    if (message.find(path.string()) != std::string::npos) throw;
    throw Error(error.code(), path.string() + ": " + message, error.where());
  }
}

}  // namespace

LlamaConfig read_config(const fs::path& path) {
  return naming_path(path, [&]() -> LlamaConfig {
    switch (kind_of(path)) {
      case Kind::kHuggingFace:
        return read_hf_config(path / "config.json");
      case Kind::kGguf:
        return read_gguf_config(*format::Gguf::open(path), path.string());
      case Kind::kLlama2c:
        return read_llama2c_config(*format::Llama2c::open(path), path.string());
    }
    GYRE_ASSERT(false);
  });
}

std::string storage_note(const fs::path& path) {
  return naming_path(path, [&] { return note_of(*open_container(path).tensors); });
}

LoadedModel load_model(const fs::path& path, torch::ScalarType dtype, torch::Device device) {
  const torch::NoGradGuard no_grad;
  return naming_path(path, [&] { return load(path, dtype, device); });
}

fs::path resolve_model_path(const std::string& path) {
  return path == "default" ? asset_path("wiki-tiny") : fs::path(path);
}

}  // namespace gyre
