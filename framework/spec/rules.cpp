#include <fmt/format.h>

#include "core/error.h"
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
               "{0}.symmetric is false but {0}.zero_point is unset; set it to 'integer', 'real' or 'none'",
               site);
}

bool is_search(const Clip& clip) {
  return clip.method == Clip::Method::kLp || clip.method == Clip::Method::kMse;
}

}  // namespace

void check_rules(const RunConfig& config) {
  const auto& q = config.quant;
  check_levels(q.weight, "quant.weight");
  check_levels(q.activation, "quant.activation");
  check_levels(q.key, "quant.key");
  check_levels(q.value, "quant.value");
  for (const auto& [spec, site] : {std::pair(&q.activation, "quant.activation"),
                                   std::pair(&q.key, "quant.key"), std::pair(&q.value, "quant.value")}) {
    GYRE_CHECK(!spec->enabled() || !is_search(spec->clip), ErrorCode::kConfig,
               "{}.clip is '{}', but a clip search is for weights; use 'minmax' or a ratio such as 0.9", site,
               to_text(spec->clip));
    GYRE_CHECK(spec->solver == "nearest", ErrorCode::kConfig,
               "{}.solver is '{}', but only weights have solvers", site, spec->solver);
  }
  for (const auto& [spec, site] :
       {std::pair(&q.weight, "quant.weight"), std::pair(&q.activation, "quant.activation"),
        std::pair(&q.value, "quant.value")})
    GYRE_CHECK(!spec->before_rope, ErrorCode::kConfig,
               "{}.before_rope is true, but only keys pass through RoPE", site);
  for (const auto& [spec, site] : {std::pair(&config.rotation.r1, "r1"), std::pair(&config.rotation.r3, "r3"),
                                   std::pair(&config.rotation.r4, "r4")})
    GYRE_CHECK(spec->scope == "head", ErrorCode::kConfig,
               "rotation.{}.scope is '{}', but only rotation.r2 has a scope", site, spec->scope);
  GYRE_CHECK(config.calibration.path != config.eval.dataset, ErrorCode::kConfig,
             "calibration.path and eval.dataset are both '{}'; calibrating on the evaluated text is refused",
             config.eval.dataset);
}

std::int64_t resolve_size(const AutoSize& size, std::int64_t dimension, std::string_view what) {
  if (size.value == -1) return dimension;
  if (size.is_auto()) {
    std::int64_t power = 1;
    while (power < 128 && dimension % (power * 2) == 0) power *= 2;
    return power;
  }
  GYRE_CHECK(size.value > 0 && dimension % size.value == 0, ErrorCode::kConfig,
             "{} = {} does not divide {}; use a divisor or 'auto'", what, size.value, dimension);
  return size.value;
}

}  // namespace gyre
