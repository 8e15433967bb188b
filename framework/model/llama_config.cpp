#include "model/llama_config.h"

#include <array>
#include <cmath>
#include <utility>

#include "core/error.h"

namespace gyre {
namespace {

// No product of two sizes overflows, and a corrupt header fails here instead of in an allocation.
constexpr std::int64_t kMaxSize = std::int64_t{1} << 28;

}  // namespace

void check_config(const LlamaConfig& config, const std::string& source) {
  const std::array<std::pair<const char*, std::int64_t>, 8> sizes{
      {{"vocab_size", config.vocab_size},
       {"hidden_size", config.hidden_size},
       {"intermediate_size", config.intermediate_size},
       {"num_hidden_layers", config.num_hidden_layers},
       {"num_attention_heads", config.num_attention_heads},
       {"num_key_value_heads", config.num_key_value_heads},
       {"head_dim", config.head_dim},
       {"max_position_embeddings", config.max_position_embeddings}}};
  for (const auto& [name, size] : sizes)
    GYRE_CHECK(size > 0 && size <= kMaxSize, ErrorCode::kInput, "{}: {} is {}, expected 1 to {}", source,
               name, size, kMaxSize);
  GYRE_CHECK(config.num_attention_heads % config.num_key_value_heads == 0, ErrorCode::kInput,
             "{}: {} attention heads cannot share {} key-value heads; expected a multiple", source,
             config.num_attention_heads, config.num_key_value_heads);
  GYRE_CHECK(config.head_dim % 2 == 0, ErrorCode::kInput,
             "{}: head_dim is {}, expected an even number (RoPE turns pairs)", source, config.head_dim);
  GYRE_CHECK(std::isfinite(config.rms_norm_eps) && config.rms_norm_eps >= 0 && config.rms_norm_eps < 1,
             ErrorCode::kInput, "{}: rms_norm_eps is {}, expected a number in [0, 1)", source,
             config.rms_norm_eps);
  GYRE_CHECK(std::isfinite(config.rope_theta) && config.rope_theta > 0, ErrorCode::kInput,
             "{}: rope_theta is {}, expected a positive number", source, config.rope_theta);
  if (const auto& scaling = config.rope_scaling)
    GYRE_CHECK(scaling->factor > 0 && scaling->low_freq_factor > 0 &&
                   scaling->high_freq_factor > scaling->low_freq_factor &&
                   scaling->original_max_position_embeddings > 0,
               ErrorCode::kInput,
               "{}: llama3 RoPE scaling has factor {}, low_freq_factor {}, high_freq_factor {}, original "
               "positions {}; "
               "expected positive numbers, high above low",
               source, scaling->factor, scaling->low_freq_factor, scaling->high_freq_factor,
               scaling->original_max_position_embeddings);
}

}  // namespace gyre
