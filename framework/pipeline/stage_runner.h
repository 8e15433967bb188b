// Walks points through the stages, starting each from the deepest state that an earlier point left.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/freeze.h"
#include "pipeline/stage.h"
#include "store/run_store.h"

namespace gyre {

// What a run's stages call and leave (StageContext).
struct RunHooks {
  std::function<void()> on_step;
  std::function<void(const std::vector<store::CurveRow>&)> on_curve;
  RunFiles files;
};

class StageRunner {
 public:
  // memory_bytes: what the kept models may hold together.
  StageRunner(Inputs& inputs, torch::Device device, std::int64_t memory_bytes);

  // keys: the point's, one per stage; keep: the stages whose state a later point starts from (plan.h). rows:
  // what was done, stage by stage, also when a stage throws.
  State run(const FrozenRun& run, const std::vector<std::string>& keys, const std::vector<bool>& keep,
            const RunHooks& hooks, std::vector<store::StageRow>& rows);

 private:
  struct Kept {
    std::string key;
    State state;
  };
  std::size_t start(const std::vector<std::string>& keys, const std::vector<bool>& keep, State& state);
  void limit_memory();

  Inputs& inputs_;
  torch::Device device_;
  std::int64_t memory_bytes_;
  std::vector<std::optional<Kept>> kept_;
};

}  // namespace gyre
