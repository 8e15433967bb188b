#include "pipeline/pretrain_card.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/text.h"
#include "train/schedule.h"

namespace gyre {
namespace {

constexpr std::int64_t kMostParts = 40;

std::string curve(const PretrainSpec& spec, const std::vector<double>& losses) {
  std::string out = "| steps | loss (nats) | learning rate at the end |\n| ---: | ---: | ---: |\n";
  const auto n = std::ssize(losses), parts = std::min(kMostParts, n);
  for (std::int64_t i = 0; i < parts; ++i) {
    const auto begin = i * n / parts, end = (i + 1) * n / parts;
    const double mean =
        std::accumulate(losses.begin() + begin, losses.begin() + end, 0.0) / static_cast<double>(end - begin);
    out += fmt::format("| {}-{} | {:.4f} | {:.3g} |\n", begin + 1, end, mean,
                       spec.train.loop.lr * lr_factor(spec.train.loop, end - 1));
  }
  return out;
}

std::string settings(const PretrainSpec& spec) {
  std::string out;
  for (const auto& [key, value] : params(spec))
    if (!key.starts_with("run.") && key != "out") out += key + " = " + value + "\n";
  return out;
}

}  // namespace

std::string pretrain_card(const PretrainSpec& spec, const CardFacts& facts) {
  const auto& loop = spec.train.loop;
  std::string out = fmt::format("# {}\n\n", spec.name);
  out += fmt::format(
      "A LLaMA-architecture language model of {:.2f} M parameters, made from scratch by `gyre pretrain`: {} "
      "layers, hidden {}, {} heads on {} key-value heads of {}, intermediate {}, byte-level BPE of {} "
      "tokens, "
      "windows of at most {} tokens, stored as {}.\n\n",
      static_cast<double>(facts.n_parameters) / 1e6, spec.model.num_hidden_layers, spec.model.hidden_size,
      spec.model.num_attention_heads, spec.model.num_key_value_heads, spec.model.head_dim,
      spec.model.intermediate_size, spec.model.vocab_size, spec.model.max_position_embeddings,
      spec.model.dtype);
  if (spec.outliers.enabled())
    out += fmt::format(
        "**Outlier channels were put in** (`outlier_injection`): {} behind each norm and {} in front of each "
        "down_proj are 2^{} times as large as they were trained, and the weights that read them as much "
        "smaller. The model computes the same function.\n\n",
        spec.outliers.norm_channels, spec.outliers.mlp_channels, spec.outliers.exponent);
  out += "## Quality\n\n| metric | value | standard error | n |\n| --- | ---: | ---: | ---: |\n";
  for (const auto& m : facts.metrics)
    out += fmt::format("| `{}` | {:.6g}{} | {} | {} |\n", m.name, m.value, m.unit.empty() ? "" : " " + m.unit,
                       m.std_error > 0 ? fmt::format("{:.3g}", m.std_error) : "-", m.n);
  out += "\nA metric's name carries its protocol (docs/CONVENTIONS.md).\n\n";
  out += fmt::format("## Data\n\n{}{}Licence of the texts: {}.\n\n",
                     spec.data.about.empty() ? "" : spec.data.about, spec.data.about.empty() ? "" : "\n\n",
                     spec.data.licence);
  for (const auto& source : parse_sources(spec.data.sources)) {
    const auto slash = source.path.rfind('/');
    out +=
        fmt::format("- `{}`, weight {}\n",
                    slash == std::string::npos ? source.path : source.path.substr(slash + 1), source.weight);
  }
  out += fmt::format(
      "\n{} documents, {} of text in the style `{}`, {} tokens. Left out: {} documents that the list of "
      "contaminated ones names, {} that share a passage with the evaluated texts.\n\n",
      facts.n_documents, format_bytes(facts.n_bytes), spec.data.style, facts.n_tokens, facts.listed,
      facts.leaked);
  out += fmt::format(
      "## Training\n\n```sh\n{}\n```\n\n{} steps of {} tokens ({} in all, {:.2f} times the data), AdamW. "
      "gyre {}; "
      "run {}.\n\n```text\n{}```\n\nMade on: `{}`\n\n### Loss\n\n{}",
      facts.command, loop.steps, loop.tokens_per_step(), loop.steps * loop.tokens_per_step(),
      static_cast<double>(loop.steps * loop.tokens_per_step()) / static_cast<double>(facts.n_tokens),
      facts.version, facts.run, settings(spec), facts.environment, curve(spec, facts.losses));
  return out;
}

}  // namespace gyre
