#include "spec/learn.h"

#include <string_view>
#include <utility>

#include "core/error.h"
#include "spec/quant_rules.h"
#include "spec/run.h"

namespace gyre {
namespace {

// The evaluated site's settings with those of learn.quant laid over them.
QuantSpec site_while_learning(const QuantSpec& evaluated, const std::string& settings,
                              const std::string& name) {
  if (settings == "none") return {};
  QuantSpec spec = evaluated;
  spec.solver = "nearest";
  if (settings == "same") return spec;
  spec.rules += (spec.rules.empty() ? "*: " : "; *: ") + settings;
  try {
    check_rules_text(spec, "quant." + name);
  } catch (const Error& error) {
    fail(ErrorCode::kConfig, "learn.quant.{} is '{}', expected same, none{} or settings: {}", name, settings,
         name == "weight" ? ", auto" : "", error.what());
  }
  return spec;
}

}  // namespace

LoopSpec learning_loop() {
  LoopSpec loop;
  loop.batch = 1;
  loop.accumulation = 8;
  loop.window = 2048;
  loop.lr = 1.5;
  loop.schedule = "cosine";
  loop.beta2 = 0.99;
  return loop;
}

bool learns_rotations(const RunConfig& config) {
  return config.rotation.r1.learned() || config.rotation.r2.learned();
}

QuantPlan learning_plan(const RunConfig& config) {
  const auto& wanted = config.learn.quant;
  const auto& evaluated = config.quant;
  QuantPlan plan;
  const auto weight = wanted.weight != "auto"             ? wanted.weight
                      : evaluated.weight.solver == "gptq" ? std::string("none")
                                                          : std::string("same");
  plan.weight = site_while_learning(evaluated.weight, weight, "weight");
  plan.activation = site_while_learning(evaluated.activation, wanted.activation, "activation");
  plan.key = site_while_learning(evaluated.key, wanted.key, "key");
  plan.value = site_while_learning(evaluated.value, wanted.value, "value");
  return plan;
}

}  // namespace gyre
