// Carries out frozen runs, sharing what they share, and records each in the database before the next begins.
#pragma once

#include <string>
#include <vector>

#include "pipeline/freeze.h"
#include "pipeline/stage.h"
#include "store/run_store.h"

namespace gyre {

struct RunnerOptions {
  std::string sweep;  // "": single runs
  bool retry_diverged = false;
  bool fail_fast = false;
};

struct RunSummary {
  int ok = 0, diverged = 0, failed = 0, held_elsewhere = 0;
};

// Plans the sweep in the database and runs every point that is not finished. A failing point is recorded and
// does not stop the others. kInterrupted ends the work with the present point marked 'interrupted'.
// run.device, run.threads and run.memory are the first point's.
RunSummary run_points(const std::vector<FrozenRun>& runs, Inputs& inputs, store::RunStore& store,
                      const RunnerOptions& options);

}  // namespace gyre
