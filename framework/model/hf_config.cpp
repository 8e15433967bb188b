// config.json of Hugging Face, with RoPE settings in both forms: rope_theta and rope_scaling, or
// rope_parameters.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "model/config_readers.h"

namespace gyre {
namespace {

using Json = nlohmann::json;

constexpr const char* kSupported =
    "gyre reads LlamaForCausalLM: model_type llama, SiLU, full attention, RoPE of type default or llama3";

class Reader {
 public:
  Reader(const Json& json, std::string source) : json_(json), source_(std::move(source)) {}

  bool has(const char* key) const {
    const auto it = json_.find(key);
    return it != json_.end() && !it->is_null();
  }
  std::int64_t size(const char* key) const {
    GYRE_CHECK(has(key), ErrorCode::kInput, "{}: '{}' is missing; a size cannot be guessed", source_, key);
    return size_or(key, 0);
  }
  std::int64_t size_or(const char* key, std::int64_t otherwise) const {
    if (!has(key)) return otherwise;
    const Json& value = json_.at(key);
    GYRE_CHECK(value.is_number_integer(), ErrorCode::kInput, "{}: '{}' is {}, expected an integer", source_,
               key, value.dump());
    return value.get<std::int64_t>();
  }
  double number(const char* key) const {
    GYRE_CHECK(has(key), ErrorCode::kInput, "{}: '{}' is missing", source_, key);
    return number_or(key, 0);
  }
  double number_or(const char* key, double otherwise) const {
    if (!has(key)) return otherwise;
    const Json& value = json_.at(key);
    GYRE_CHECK(value.is_number(), ErrorCode::kInput, "{}: '{}' is {}, expected a number", source_, key,
               value.dump());
    return value.get<double>();
  }
  bool flag(const char* key) const {
    if (!has(key)) return false;
    const Json& value = json_.at(key);
    GYRE_CHECK(value.is_boolean(), ErrorCode::kInput, "{}: '{}' is {}, expected true or false", source_, key,
               value.dump());
    return value.get<bool>();
  }
  std::string text_or(const char* key, const std::string& otherwise) const {
    if (!has(key)) return otherwise;
    const Json& value = json_.at(key);
    GYRE_CHECK(value.is_string(), ErrorCode::kInput, "{}: '{}' is {}, expected a text", source_, key,
               value.dump());
    return value.get<std::string>();
  }
  Reader object(const char* key) const {
    const Json& value = json_.at(key);
    GYRE_CHECK(value.is_object(), ErrorCode::kInput, "{}: '{}' is {}, expected an object", source_, key,
               value.dump());
    return Reader(value, fmt::format("{}: {}", source_, key));
  }
  [[noreturn]] void refuse(const std::string& found) const {
    fail(ErrorCode::kUnsupported, "{}: {}. {}", source_, found, kSupported);
  }
  const Json& json() const { return json_; }

 private:
  const Json& json_;
  std::string source_;
};

void check_architecture(const Reader& config) {
  const auto type = config.text_or("model_type", "(none)");
  if (type != "llama") config.refuse(fmt::format("model_type is '{}'", type));
  if (config.has("architectures")) {
    const Json& names = config.json().at("architectures");
    bool known = false;
    for (const auto& name : names) known |= name == "LlamaForCausalLM" || name == "LLaMAForCausalLM";
    if (!known) config.refuse(fmt::format("architectures is {}", names.dump()));
  }
  const auto act = config.text_or("hidden_act", "silu");
  if (act != "silu") config.refuse(fmt::format("hidden_act is '{}'", act));
  if (config.has("sliding_window"))
    config.refuse(fmt::format("sliding_window is {}", config.json()["sliding_window"].dump()));
  if (config.has("quantization_config")) config.refuse("the weights are quantized (quantization_config)");
  if (config.flag("rope_interleaved")) config.refuse("rope_interleaved is true");
  const double partial = config.number_or("partial_rotary_factor", 1);
  if (partial != 1) config.refuse(fmt::format("partial_rotary_factor is {}", partial));
}

// Either form of the RoPE object; the type's key was "type" before it was "rope_type".
void read_rope_object(const Reader& rope, LlamaConfig& config) {
  config.rope_theta = rope.number_or("rope_theta", config.rope_theta);
  const double partial = rope.number_or("partial_rotary_factor", 1);
  if (partial != 1) rope.refuse(fmt::format("partial_rotary_factor is {}", partial));
  const auto type = rope.text_or("rope_type", rope.text_or("type", "default"));
  if (type == "default") return;
  if (type != "llama3") rope.refuse(fmt::format("RoPE type is '{}'", type));
  config.rope_scaling =
      Llama3RopeScaling{rope.number("factor"), rope.number("low_freq_factor"),
                        rope.number("high_freq_factor"), rope.size("original_max_position_embeddings")};
}

}  // namespace

LlamaConfig read_hf_config(const std::filesystem::path& file) {
  return parse_hf_config(read_file(file), file.string());
}

LlamaConfig parse_hf_config(const std::string& text, const std::string& source) {
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::exception& error) {
    fail(ErrorCode::kInput, "{}: not JSON: {}", source, error.what());
  }
  GYRE_CHECK(json.is_object(), ErrorCode::kInput, "{}: expected a JSON object", source);
  const Reader reader(json, source);
  check_architecture(reader);

  LlamaConfig config;
  config.vocab_size = reader.size("vocab_size");
  config.hidden_size = reader.size("hidden_size");
  config.intermediate_size = reader.size("intermediate_size");
  config.num_hidden_layers = reader.size("num_hidden_layers");
  config.num_attention_heads = reader.size("num_attention_heads");
  config.num_key_value_heads = reader.size_or("num_key_value_heads", config.num_attention_heads);
  config.max_position_embeddings = reader.size_or("max_position_embeddings", 2048);
  config.rms_norm_eps = reader.number_or("rms_norm_eps", 1e-6);
  config.tie_word_embeddings = reader.flag("tie_word_embeddings");
  config.attention_bias = reader.flag("attention_bias");
  config.mlp_bias = reader.flag("mlp_bias");
  if (reader.has("head_dim")) {
    config.head_dim = reader.size("head_dim");
  } else {
    GYRE_CHECK(config.num_attention_heads > 0 && config.hidden_size % config.num_attention_heads == 0,
               ErrorCode::kInput, "{}: hidden_size {} is no multiple of {} heads and head_dim is not given",
               source, config.hidden_size, config.num_attention_heads);
    config.head_dim = config.hidden_size / config.num_attention_heads;
  }
  config.rope_theta = reader.number_or("rope_theta", 10000);
  if (reader.has("rope_scaling")) read_rope_object(reader.object("rope_scaling"), config);
  if (reader.has("rope_parameters")) read_rope_object(reader.object("rope_parameters"), config);
  if (reader.has("rope_freq_factors")) {
    const Json& factors = json.at("rope_freq_factors");
    GYRE_CHECK(factors.is_array() && std::ssize(factors) * 2 == config.head_dim &&
                   std::ranges::all_of(factors, [](const Json& f) { return f.is_number() && f > 0; }),
               ErrorCode::kInput, "{}: rope_freq_factors is no list of {} positive numbers", source,
               config.head_dim / 2);
    config.rope_freq_factors = factors.get<std::vector<float>>();
  }
  check_config(config, source);
  return config;
}

std::string hf_config_text(const LlamaConfig& c) {
  Json json{{"architectures", {"LlamaForCausalLM"}},
            {"model_type", "llama"},
            {"hidden_act", "silu"},
            {"vocab_size", c.vocab_size},
            {"hidden_size", c.hidden_size},
            {"intermediate_size", c.intermediate_size},
            {"num_hidden_layers", c.num_hidden_layers},
            {"num_attention_heads", c.num_attention_heads},
            {"num_key_value_heads", c.num_key_value_heads},
            {"head_dim", c.head_dim},
            {"max_position_embeddings", c.max_position_embeddings},
            {"rms_norm_eps", c.rms_norm_eps},
            {"rope_theta", c.rope_theta},
            {"tie_word_embeddings", c.tie_word_embeddings},
            {"attention_bias", c.attention_bias},
            {"mlp_bias", c.mlp_bias}};
  if (const auto& s = c.rope_scaling)
    json["rope_scaling"] = {{"rope_type", "llama3"},
                            {"factor", s->factor},
                            {"low_freq_factor", s->low_freq_factor},
                            {"high_freq_factor", s->high_freq_factor},
                            {"original_max_position_embeddings", s->original_max_position_embeddings}};
  if (!c.rope_freq_factors.empty()) json["rope_freq_factors"] = c.rope_freq_factors;
  return json.dump();
}

}  // namespace gyre
