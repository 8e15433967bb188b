// Which stages a run goes through, under which keys, and in which order a sweep visits its points so that
// everything they share is made once and dropped as soon as nobody needs it.
#pragma once

#include <string>
#include <vector>

#include "pipeline/freeze.h"
#include "pipeline/stage.h"

namespace gyre {

// One key per stage; a stage that is off has the key of the one before it. inputs_digest: of model and texts.
std::vector<std::string> stage_keys(const RunConfig& config, const std::string& inputs_digest);

// Indices of the points, grouped by their first stage's key, within that by the second's, and so on; groups
// and points in order of first appearance.
std::vector<std::size_t> grouped_order(const std::vector<std::vector<std::string>>& keys);

// For point order[position]: the stages whose state a later point starts from, i.e. the lengths of the
// longest common prefixes with the later points.
std::vector<bool> kept_stages(const std::vector<std::vector<std::string>>& keys,
                              const std::vector<std::size_t>& order, std::size_t position);

}  // namespace gyre
