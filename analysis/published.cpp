#include "analysis/published.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "analysis/facts.h"
#include "analysis/keys.h"
#include "core/error.h"
#include "core/text.h"

namespace gyre::analysis {
namespace {

constexpr double kHalfPrecision = 0.001, kClose = 0.02;

bool is_method(std::string_view key) {
  return key.starts_with("rotation.") || key.starts_with("quant.") || key.starts_with("smoothing.") ||
         ((key.starts_with("train.") || key.starts_with("learn.")) && !key.ends_with(".path"));
}

// Settings of what the preset does not do.
bool is_idle(std::string_view key, const RunConfig& preset) {
  if (key == "train.scheme") return false;
  if (key.starts_with("train.")) return !preset.train.enabled();
  const bool about_learning =
      key.starts_with("learn.") ||
      (key.starts_with("rotation.") && (key.ends_with(".init") || key.ends_with(".keep_init")));
  return about_learning && !learns_rotations(preset);
}

// A run whose settings of the method are the preset's. Databases from before there was training say nothing
// of it.
bool has_method(const store::RunRow& run, const RunConfig& preset) {
  return std::ranges::all_of(params(preset), [&](const Param& param) {
    if (!is_method(param.key) || !enters_digest(param.key) || is_idle(param.key, preset)) return true;
    const auto found = setting(run, param.key);
    return found == unquoted(param.value) || (param.key == "train.scheme" && found.empty());
  });
}

bool quantizes(const RunConfig& config) {
  const auto& q = config.quant;
  return q.weight.used() || q.activation.used() || q.key.used() || q.value.used();
}

bool reads_calibration(const RunConfig& config) {
  return config.smoothing.enabled() ||
         (config.quant.weight.used() && config.quant.weight.solver != "nearest");
}

ModelShape shape_of(const store::RunRow& run) {
  ModelShape shape;
  struct Reader {
    const store::RunRow& run;
    void field(std::string_view name, std::int64_t& size, std::string_view, const Limits&) const {
      const std::string text = setting(run, "model.shape." + std::string(name));
      std::from_chars(text.data(), text.data() + text.size(), size);
    }
  };
  ModelShape::describe(shape, Reader{run});
  return shape;
}

// Runs that differ in seed and replica alone; the newest finished one of each digest. The model's sizes and
// files count too: another one may have come under the same path.
using Group = std::vector<const store::RunRow*>;

std::vector<Group> groups_of(const std::vector<store::RunRow>& runs, const RunConfig& settings) {
  std::vector<Group> groups;
  std::vector<std::string> keys;
  for (const auto& run : runs) {
    if (run.status != "ok" && run.status != "diverged") continue;
    if (!has_method(run, settings)) continue;
    std::string key;
    for (const auto& param : run.params)
      if (!is_method(param.key) && (enters_digest(param.key) || param.key.starts_with("model.shape.")) &&
          !is_repetition(param.key))
        key += param.key + "=" + param.value + "\n";
    const auto at = std::ranges::find(keys, key) - keys.begin();
    if (at == std::ssize(keys)) keys.push_back(key), groups.emplace_back();
    auto& group = groups[static_cast<std::size_t>(at)];
    std::erase_if(group, [&](const store::RunRow* other) { return other->digest == run.digest; });
    group.push_back(&run);
  }
  return groups;
}

// The files' digest, in which the path does not matter; the path in databases from before it was recorded.
bool same_model(const store::RunRow& a, const store::RunRow& b) {
  const auto files = setting(a, "model.digest");
  if (files != setting(b, "model.digest")) return false;
  return !files.empty() || setting(a, "model.path") == setting(b, "model.path");
}

const store::MetricRow* metric_of(const store::RunRow& run, std::string_view name) {
  for (const auto& metric : run.metrics)
    if (metric.name == name) return &metric;
  return nullptr;
}

std::string perplexity_name(const store::RunRow& run) {
  for (const auto& metric : run.metrics)
    if (metric.name.starts_with("ppl/")) return metric.name;
  return "no perplexity";
}

// Mean and tolerance of the metric over the group.
void measure(Judgement& judgement, const Group& group, bool quantized) {
  double sum = 0, squares = 0, window_error = 0;
  for (const auto* run : group) {
    const auto* metric = metric_of(*run, judgement.metric);
    sum += metric->value;
    window_error = metric->std_error;
  }
  const auto n = static_cast<double>(group.size());
  judgement.value = sum / n;
  for (const auto* run : group) {
    const double d = metric_of(*run, judgement.metric)->value - judgement.value;
    squares += d * d;
  }
  if (!quantized)
    judgement.tolerance = kHalfPrecision * judgement.value;
  else if (group.size() > 1)
    judgement.tolerance = std::sqrt(squares / (n - 1) * (1 + 1 / n));
  else
    judgement.tolerance = std::isfinite(window_error) ? window_error : 0;
}

void decide(Judgement& judgement, bool quantized) {
  const Reference& row = judgement.reference;
  if (row.printed == "Inf") {
    const bool collapsed = !(judgement.value <= row.above);
    judgement.verdict = collapsed ? Verdict::kMatch : Verdict::kMiss;
    judgement.reason = fmt::format("published as Inf, which the source prints above {}", row.above);
    return;
  }
  const double beyond = std::abs(judgement.value - row.value) - rounding(row);
  const double close =
      quantized ? std::max(2 * judgement.tolerance, kClose * row.value) : 5 * judgement.tolerance;
  judgement.verdict = beyond <= judgement.tolerance ? Verdict::kMatch
                      : beyond <= close             ? Verdict::kClose
                                                    : Verdict::kMiss;  // NaN too
  if (!std::isfinite(judgement.value)) judgement.reason = "the run diverged";
}

Judgement unmeasured(const Reference& row, std::string reason) {
  Judgement judgement;
  judgement.reference = row;
  judgement.reason = std::move(reason);
  return judgement;
}

class Judge {
 public:
  Judge(std::vector<store::RunRow> runs, const JudgeInput& input) : runs_(std::move(runs)), input_(input) {}

  std::vector<Judgement> all() const {
    std::vector<Judgement> out;
    const auto groups = groups_of(runs_, settings(input_.preset));
    for (const auto& row : input_.published.rows) {
      if (row.preset != input_.preset) continue;
      for (const auto& group : groups) out.push_back(judged(row, group));
      if (groups.empty())
        out.push_back(unmeasured(row, fmt::format("the database has no finished run of {}", row.preset)));
    }
    return out;
  }

 private:
  const RunConfig& settings(const std::string& preset) const {
    const auto it = input_.settings.find(preset);
    GYRE_ASSERT(it != input_.settings.end());
    return it->second;
  }

  const ReferenceModel& model_of(const Reference& row) const {
    const auto& models = input_.published.models;
    const auto it = std::ranges::find(models, row.model, &ReferenceModel::name);
    GYRE_ASSERT(it != models.end());
    return *it;
  }

  Judgement judged(const Reference& row, const Group& group) const {
    const RunConfig& preset = settings(row.preset);
    const store::RunRow& run = *group.front();
    Judgement out = unmeasured(row, "");
    out.model = setting(run, "model.path");
    out.metric = row.metric;
    for (const auto* member : group) out.runs.push_back(short_digest(member->digest));
    std::vector<std::string> reasons;
    check_row(row, reasons);
    check_model(row, run, reasons);
    check_protocol(row, preset, group, out, reasons);
    check_calibration(row, preset, run, reasons);
    if (reasons.empty() && row.preset != model_of(row).full_precision) check_identity(row, run, reasons);
    if (out.metric == row.metric) measure(out, group, quantizes(preset));
    if (reasons.empty())
      decide(out, quantizes(preset));
    else
      out.reason = join(reasons, "; ");
    return out;
  }

  static void check_row(const Reference& row, std::vector<std::string>& reasons) {
    if (!row.unsettled.empty()) reasons.push_back("the source leaves open: " + row.unsettled);
    if (row.printed == "NaN")
      reasons.push_back("the source has NaN: its solver failed, and there is no perplexity to compare with");
  }

  void check_model(const Reference& row, const store::RunRow& run, std::vector<std::string>& reasons) const {
    const ModelShape& asked = model_of(row).shape;
    const ModelShape there = shape_of(run);
    const std::string path = setting(run, "model.path");
    if (to_text(there).empty())
      reasons.push_back("the run does not say which sizes its model has");
    else if (!fits(asked, there))
      reasons.push_back(fmt::format("another model: {} has {}, {} has {}", path, to_text(there), row.model,
                                    to_text(asked)));
    if (path.ends_with(".gguf")) reasons.push_back("the weights come from a GGUF file, dequantized");
  }

  // Metric, text, window, BOS. Sets the metric that was measured.
  void check_protocol(const Reference& row, const RunConfig& preset, const Group& group, Judgement& out,
                      std::vector<std::string>& reasons) const {
    const store::RunRow& run = *group.front();
    if (!std::ranges::all_of(group,
                             [&](const auto* member) { return metric_of(*member, row.metric) != nullptr; })) {
      out.metric = perplexity_name(run);
      reasons.push_back(out.metric.starts_with(row.metric + "[")
                            ? fmt::format("only a part of the text was scored: {}", out.metric)
                            : fmt::format("another protocol, text or window: the run has {}, the source {}",
                                          out.metric, row.metric));
    }
    const std::string text = setting(run, "eval.dataset");
    if (std::ranges::find(input_.named_texts, text) == input_.named_texts.end())
      reasons.push_back(fmt::format("eval.dataset is the file {}, which may be another text", text));
    if (setting(run, "eval.bos") != preset.eval.bos)
      reasons.push_back(
          fmt::format("eval.bos is {}, the preset's {}", setting(run, "eval.bos"), preset.eval.bos));
  }

  void check_calibration(const Reference& row, const RunConfig& preset, const store::RunRow& run,
                         std::vector<std::string>& reasons) const {
    if (!reads_calibration(preset)) return;
    for (const auto& param : params(preset)) {
      if (!param.key.starts_with("calibration.") || param.key == "calibration.path") continue;
      if (setting(run, param.key) != unquoted(param.value))
        reasons.push_back(fmt::format("{} is {}, the preset's {}", param.key, setting(run, param.key),
                                      unquoted(param.value)));
    }
    const std::string path = setting(run, "calibration.path");
    if (std::ranges::find(input_.named_texts, path) != input_.named_texts.end())
      reasons.push_back(fmt::format("calibrated on {}, not on {}", path, row.calibration));
  }

  // A model of the same shape may be another one: a chat model, say. Full precision tells: one published
  // value that it meets, whichever others it misses.
  void check_identity(const Reference& row, const store::RunRow& run,
                      std::vector<std::string>& reasons) const {
    const ReferenceModel& model = model_of(row);
    const std::string path = setting(run, "model.path");
    std::vector<std::string> misses;
    for (const auto& other : input_.published.rows) {
      if (other.preset != model.full_precision || other.model != row.model || other.metric != row.metric)
        continue;
      for (const auto& group : groups_of(runs_, settings(model.full_precision))) {
        if (!same_model(*group.front(), run)) continue;
        const Judgement baseline = judged(other, group);
        if (baseline.verdict == Verdict::kMatch || baseline.verdict == Verdict::kClose) return;
        if (baseline.verdict == Verdict::kMiss)
          misses.push_back(
              fmt::format("another model: {} has a perplexity of {:.{}f} in full precision, {} of {}", path,
                          baseline.value, other.digits, row.model, published(other)));
      }
    }
    reasons = std::move(misses);
    if (reasons.empty())
      reasons.push_back(
          fmt::format("no full-precision run of the same files shows that {} is {}: gyre run experiment={} "
                      "model.path={}",
                      path, row.model, model.full_precision, path));
  }

  std::vector<store::RunRow> runs_;
  const JudgeInput& input_;
};

}  // namespace

const char* verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kMatch:
      return "MATCH";
    case Verdict::kClose:
      return "CLOSE";
    case Verdict::kMiss:
      return "MISS";
    case Verdict::kNotComparable:
      return "NOT COMPARABLE";
  }
  return "";
}

std::vector<Judgement> judge(const store::RunStore& store, const JudgeInput& input) {
  return Judge(store.runs(""), input).all();
}

}  // namespace gyre::analysis
