#include "pipeline/stage_runner.h"

#include <chrono>

#include "pipeline/environment.h"

namespace gyre {

using Clock = std::chrono::steady_clock;

StageRunner::StageRunner(Inputs& inputs, torch::Device device, std::int64_t memory_bytes)
    : inputs_(inputs), device_(device), memory_bytes_(memory_bytes), kept_(stages().size()) {}

State StageRunner::run(const FrozenRun& run, const std::vector<std::string>& keys,
                       const std::vector<bool>& keep, const RunHooks& hooks,
                       std::vector<store::StageRow>& rows) {
  State state;
  std::size_t next = start(keys, keep, state);
  for (std::size_t i = 0; i < next; ++i)
    if (stages()[i].enabled(run.config)) rows.push_back({std::string(stages()[i].name), keys[i], 0, true, 0});
  const StageContext context{run.config,    inputs_,        device_,    run.point.label,
                             hooks.on_step, hooks.on_curve, hooks.files};
  for (; next < stages().size() && !state.diverged_at; ++next) {
    const Stage& stage = stages()[next];
    if (stage.enabled(run.config)) {
      context.on_step();
      const auto begin = Clock::now();
      stage.run(state, context);
      const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
      rows.push_back({std::string(stage.name), keys[next], seconds, false, peak_memory_bytes()});
    }
    if (keep[next] && !state.diverged_at) kept_[next] = Kept{keys[next], state};
    limit_memory();
  }
  return state;
}

// Takes the deepest usable state; forgets every state that no later point needs. Returns the first stage to
// run.
std::size_t StageRunner::start(const std::vector<std::string>& keys, const std::vector<bool>& keep,
                               State& state) {
  std::size_t next = 0;
  for (std::size_t i = kept_.size(); i-- > 0 && next == 0;)
    if (kept_[i] && kept_[i]->key == keys[i]) {
      state = kept_[i]->state;
      next = i + 1;
    }
  for (std::size_t i = 0; i < kept_.size(); ++i)
    if (kept_[i] && (kept_[i]->key != keys[i] || !keep[i])) kept_[i].reset();
  return next;
}

// Shallow states are the cheapest to make again, so they go first.
void StageRunner::limit_memory() {
  std::int64_t total = 0;
  for (const auto& kept : kept_)
    if (kept) total += kept->state.model.weight_bytes();
  for (auto& kept : kept_) {
    if (total <= memory_bytes_) return;
    if (!kept) continue;
    total -= kept->state.model.weight_bytes();
    kept.reset();
  }
}

}  // namespace gyre
