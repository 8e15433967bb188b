#include "text/merge_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "core/seed.h"

namespace gyre::text {
namespace {

using Pairs = std::map<std::pair<TokenId, TokenId>, std::pair<std::uint32_t, TokenId>>;

// The definition: look for the lowest rank, leftmost, merge it, begin again.
std::vector<TokenId> merged_by_definition(std::vector<TokenId> ids, const Pairs& pairs) {
  for (;;) {
    std::size_t best = ids.size();
    std::pair<std::uint32_t, TokenId> merge;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto found = pairs.find({ids[i], ids[i + 1]});
      if (found != pairs.end() && (best == ids.size() || found->second.first < merge.first)) {
        best = i;
        merge = found->second;
      }
    }
    if (best == ids.size()) return ids;
    ids[best] = merge.second;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

TEST(MergeTable, EqualsTheDefinitionOnRandomTablesWithEqualRanks) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Rng rng(seed);
    Pairs pairs;
    MergeTable table;
    const auto below = [&](std::uint64_t n) { return static_cast<TokenId>(rng.below(n)); };
    for (int i = 0; i < 20; ++i) {
      const std::pair<TokenId, TokenId> pair{below(8), below(8)};
      const std::pair<std::uint32_t, TokenId> merge{static_cast<std::uint32_t>(rng.below(6)), below(8)};
      pairs[pair] = merge;
      table.add(pair.first, pair.second, merge.first, merge.second);
    }
    EXPECT_EQ(table.size(), pairs.size());
    std::vector<TokenId> ids(rng.below(60));
    for (auto& id : ids) id = below(8);
    auto found = ids;
    table.apply(found);
    EXPECT_EQ(found, merged_by_definition(ids, pairs)) << "seed " << seed;
  }
}

TEST(MergeTable, TakesAMillionSymbolsInOnePiece) {
  MergeTable table;
  for (TokenId id = 0; id < 20; ++id) table.add(id, id, static_cast<std::uint32_t>(id), id + 1);
  std::vector<TokenId> ids(1 << 20, 0);
  table.apply(ids);
  EXPECT_THAT(ids, testing::ElementsAre(20));
}

}  // namespace
}  // namespace gyre::text
