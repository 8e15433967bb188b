#include "pipeline/plan.h"

#include <algorithm>
#include <numeric>

#include "core/digest.h"

namespace gyre {

std::vector<std::string> stage_keys(const RunConfig& config, const std::string& inputs_digest) {
  const auto settings = params(config);
  std::vector<std::string> keys;
  std::string key = inputs_digest;
  for (const Stage& stage : stages()) {
    if (stage.enabled(config)) {
      std::string text = key + "\n" + std::string(stage.name) + " " + std::to_string(stage.version) + "\n";
      auto reads = stage.reads;
      if (stage.reads_too)
        for (const auto prefix : stage.reads_too(config)) reads.push_back(prefix);
      for (const auto& [name, value] : settings)
        for (const auto prefix : reads)
          if (name.starts_with(prefix) && enters_digest(name)) text += name + " = " + value + "\n";
      key = sha256_hex(text);
    }
    keys.push_back(key);
  }
  return keys;
}

namespace {
void group(const std::vector<std::vector<std::string>>& keys, std::vector<std::size_t> members,
           std::size_t depth, std::vector<std::size_t>& out) {
  if (members.size() <= 1 || depth == keys[members[0]].size()) {
    out.insert(out.end(), members.begin(), members.end());
    return;
  }
  while (!members.empty()) {
    const std::string& key = keys[members.front()][depth];
    const auto rest = std::stable_partition(members.begin(), members.end(),
                                            [&](std::size_t i) { return keys[i][depth] == key; });
    group(keys, {members.begin(), rest}, depth + 1, out);
    members.erase(members.begin(), rest);
  }
}
}  // namespace

std::vector<std::size_t> grouped_order(const std::vector<std::vector<std::string>>& keys) {
  std::vector<std::size_t> all(keys.size()), order;
  std::iota(all.begin(), all.end(), std::size_t{0});
  group(keys, std::move(all), 0, order);
  return order;
}

std::vector<bool> kept_stages(const std::vector<std::vector<std::string>>& keys,
                              const std::vector<std::size_t>& order, std::size_t position) {
  const auto& mine = keys[order[position]];
  std::vector<bool> kept(mine.size(), false);
  for (std::size_t later = position + 1; later < order.size(); ++later) {
    const auto& other = keys[order[later]];
    const auto shared = std::mismatch(mine.begin(), mine.end(), other.begin()).first - mine.begin();
    if (shared > 0) kept[static_cast<std::size_t>(shared) - 1] = true;
  }
  return kept;
}

}  // namespace gyre
