#include "spec/pretrain.h"

#include <charconv>

#include "core/error.h"
#include "core/text.h"
#include "spec/param_writer.h"

namespace gyre {

PretrainSpec::PretrainSpec() = default;

std::vector<TextSource> parse_sources(const std::string& text) {
  std::vector<TextSource> out;
  for (const auto& part : split(text, ';')) {
    if (trim(part).empty()) continue;
    TextSource source;
    for (const auto& word : split(std::string(trim(part)), ' ')) {
      if (word.empty()) continue;
      if (word.starts_with("weight=")) {
        const auto* end = word.data() + word.size();
        const auto [at, status] = std::from_chars(word.data() + 7, end, source.weight);
        GYRE_CHECK(status == std::errc() && at == end && source.weight > 0 && source.weight <= 100,
                   ErrorCode::kConfig, "data.sources: '{}' in '{}'; expected a number above 0, at most 100",
                   word, trim(part));
      } else if (word.starts_with("unk=")) {
        GYRE_CHECK(word == "unk=keep" || word == "unk=drop", ErrorCode::kConfig,
                   "data.sources: '{}' in '{}'; expected unk=drop or unk=keep", word, trim(part));
        source.keep_unknown = word == "unk=keep";
      } else {
        source.path += (source.path.empty() ? "" : " ") + word;
      }
    }
    GYRE_CHECK(!source.path.empty(), ErrorCode::kConfig, "data.sources: '{}' names no file", trim(part));
    out.push_back(std::move(source));
  }
  GYRE_CHECK(!out.empty(), ErrorCode::kConfig,
             "data.sources names no text; expected FILE weight=W, several parted by ';'");
  return out;
}

std::vector<Param> params(const PretrainSpec& spec) {
  std::vector<Param> out;
  PretrainSpec::describe(spec, ParamWriter(out));
  return out;
}

std::string canonical_text(const PretrainSpec& spec) {
  std::string text;
  for (const auto& [key, value] : params(spec)) {
    if (key == "out" || key.starts_with("run.") || key == "train.checkpoint_every" ||
        key == "train.recompute" || key == "data.about" || key == "data.licence")
      continue;
    text += "pretrain." + key + " = " + value + "\n";
  }
  return text;
}

void check_pretrain(const PretrainSpec& spec) {
  const NewModelSpec& m = spec.model;
  GYRE_CHECK(
      m.num_attention_heads % m.num_key_value_heads == 0, ErrorCode::kConfig,
      "model.num_attention_heads is {} and model.num_key_value_heads {}; the first must be a multiple of "
      "the second",
      m.num_attention_heads, m.num_key_value_heads);
  GYRE_CHECK(m.head_dim % 2 == 0, ErrorCode::kConfig,
             "model.head_dim is {}; RoPE turns pairs, it must be even", m.head_dim);
  GYRE_CHECK(
      m.num_attention_heads * m.head_dim == m.hidden_size, ErrorCode::kConfig,
      "model.num_attention_heads x model.head_dim is {} x {} = {}, but model.hidden_size is {}; they must "
      "be equal",
      m.num_attention_heads, m.head_dim, m.num_attention_heads * m.head_dim, m.hidden_size);
  const LoopSpec& loop = spec.train.loop;
  GYRE_CHECK(loop.window <= m.max_position_embeddings, ErrorCode::kConfig,
             "train.window is {}, but model.max_position_embeddings {}", loop.window,
             m.max_position_embeddings);
  GYRE_CHECK(spec.eval.window <= m.max_position_embeddings, ErrorCode::kConfig,
             "eval.window is {}, but model.max_position_embeddings {}", spec.eval.window,
             m.max_position_embeddings);
  GYRE_CHECK(loop.warmup < loop.steps, ErrorCode::kConfig,
             "train.warmup is {}, but train.steps {}; the warm-up must end before the training", loop.warmup,
             loop.steps);
  GYRE_CHECK(
      spec.outliers.norm_channels <= m.hidden_size && spec.outliers.mlp_channels <= m.intermediate_size,
      ErrorCode::kConfig,
      "outlier_injection.norm_channels is {} of hidden_size {}, outlier_injection.mlp_channels {} of "
      "intermediate_size {}; there are not so many",
      spec.outliers.norm_channels, m.hidden_size, spec.outliers.mlp_channels, m.intermediate_size);
  parse_sources(spec.data.sources);
}

}  // namespace gyre
