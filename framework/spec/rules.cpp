#include <fmt/format.h>

#include "core/error.h"
#include "spec/quant_rules.h"
#include "spec/run.h"

namespace gyre {
namespace {

void check_levels(const QuantSpec& q, std::string_view site) {
  if (!q.enabled()) return;
  if (q.symmetric)
    GYRE_CHECK(q.zero_point == "unset", ErrorCode::kConfig,
               "{0}.zero_point is '{1}' but {0}.symmetric is true; set {0}.symmetric=false or "
               "{0}.zero_point=unset",
               site, q.zero_point);
  else
    GYRE_CHECK(q.zero_point != "unset", ErrorCode::kConfig,
               "{0}.symmetric is false but {0}.zero_point is unset; set it to 'integer', 'real', 'none' or "
               "'unsigned'",
               site);
}

bool is_search(const Clip& clip) {
  return clip.method == Clip::Method::kLp || clip.method == Clip::Method::kMse;
}

void check_training(const RunConfig& config) {
  const auto& train = config.train;
  if (!train.enabled()) return;
  const auto& q = config.quant;
  GYRE_CHECK(q.weight.used() || q.activation.used() || q.key.used() || q.value.used(), ErrorCode::kConfig,
             "train.scheme is '{}', but nothing is quantized; set quant, or train.scheme=none", train.scheme);
  GYRE_CHECK(q.weight.solver == "nearest", ErrorCode::kConfig,
             "train.scheme is '{}', but quant.weight.solver '{}'; trained weights are rounded to nearest",
             train.scheme, q.weight.solver);
  GYRE_CHECK(train.path != "unset", ErrorCode::kConfig,
             "train.path is unset; name the text to train on (`gyre list data`, or a file)");
  GYRE_CHECK(train.path != config.eval.dataset, ErrorCode::kConfig,
             "train.path and eval.dataset are both '{}'; training on the evaluated text is refused",
             train.path);
  GYRE_CHECK(train.loop.warmup < train.loop.steps, ErrorCode::kConfig,
             "train.warmup is {}, but train.steps is {}; the warm-up must end before the training",
             train.loop.warmup, train.loop.steps);
}

}  // namespace

void check_quant_spec(const QuantSpec& spec, std::string_view site, std::string_view what) {
  const bool weight = site == "quant.weight", key = site == "quant.key";
  check_levels(spec, what);
  GYRE_CHECK(weight || !spec.enabled() || !is_search(spec.clip), ErrorCode::kConfig,
             "{}.clip is '{}', but a clip search is for weights; use 'minmax' or a ratio such as 0.9", what,
             to_text(spec.clip));
  GYRE_CHECK(weight || spec.solver == "nearest", ErrorCode::kConfig,
             "{}.solver is '{}', but only weights have solvers", what, spec.solver);
  GYRE_CHECK(key || !spec.before_rope, ErrorCode::kConfig,
             "{}.before_rope is true, but only keys pass through RoPE", what);
}

void check_rules(const RunConfig& config) {
  const auto& q = config.quant;
  for (const auto& [spec, site] :
       {std::pair(&q.weight, "quant.weight"), std::pair(&q.activation, "quant.activation"),
        std::pair(&q.key, "quant.key"), std::pair(&q.value, "quant.value")}) {
    check_quant_spec(*spec, site, site);
    check_rules_text(*spec, site);
  }
  for (const auto& [spec, site] : {std::pair(&config.rotation.r1, "r1"), std::pair(&config.rotation.r3, "r3"),
                                   std::pair(&config.rotation.r4, "r4")})
    GYRE_CHECK(spec->scope == "head", ErrorCode::kConfig,
               "rotation.{}.scope is '{}', but only rotation.r2 has a scope", site, spec->scope);
  for (const auto& [spec, site] :
       {std::pair(&config.rotation.r3, "r3"), std::pair(&config.rotation.r4, "r4")})
    GYRE_CHECK(
        !spec->learned(), ErrorCode::kConfig,
        "rotation.{}.scheme is 'learned', but only rotation.r1 and rotation.r2, which are fused, can be "
        "learned",
        site);
  for (const auto& [spec, site] :
       {std::pair(&config.rotation.r1, "r1"), std::pair(&config.rotation.r2, "r2")})
    GYRE_CHECK(!spec->learned() || (spec->init != "learned" && spec->init != "none"), ErrorCode::kConfig,
               "rotation.{}.init is '{}', expected the scheme from which learning starts", site, spec->init);
  if (learns_rotations(config)) {
    learning_plan(config);
    GYRE_CHECK(config.learn.loop.weight_decay == 0, ErrorCode::kConfig,
               "learn.weight_decay is {}, but orthogonal matrices do not decay; leave it 0",
               config.learn.loop.weight_decay);
    GYRE_CHECK(config.learn.path != config.eval.dataset, ErrorCode::kConfig,
               "learn.path and eval.dataset are both '{}'; learning on the evaluated text is refused",
               config.eval.dataset);
  }
  check_training(config);
  GYRE_CHECK(config.calibration.path != config.eval.dataset, ErrorCode::kConfig,
             "calibration.path and eval.dataset are both '{}'; calibrating on the evaluated text is refused",
             config.eval.dataset);
}

}  // namespace gyre
