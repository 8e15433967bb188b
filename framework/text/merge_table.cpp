#include "text/merge_table.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "core/error.h"

namespace gyre::text {

std::size_t MergeTable::slot(TokenId left, TokenId right) const {
  const auto key = static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
  // Multiplicative hashing: the upper half of the product is the mixed one.
  std::size_t i = (key * 0x9E3779B97F4A7C15u) >> 32 & (entries_.size() - 1);
  while (entries_[i].left >= 0 && (entries_[i].left != left || entries_[i].right != right))
    i = (i + 1) & (entries_.size() - 1);
  return i;
}

void MergeTable::reserve(std::size_t n) {
  const auto slots = std::bit_ceil(2 * n + 2);
  if (slots <= entries_.size()) return;
  std::vector<Entry> old(slots);
  std::swap(old, entries_);
  for (const auto& entry : old)
    if (entry.left >= 0) entries_[slot(entry.left, entry.right)] = entry;
}

void MergeTable::add(TokenId left, TokenId right, std::uint32_t rank, TokenId merged) {
  GYRE_ASSERT(left >= 0 && right >= 0 && merged >= 0);
  reserve(size_ + 1);
  Entry& entry = entries_[slot(left, right)];
  if (entry.left < 0) ++size_;
  entry = {left, right, rank, merged};
}

namespace {

struct Node {
  TokenId id;
  std::int32_t previous, next;  // -1 at the ends
};

// A merge that was possible when it was queued; left and right tell whether it still is.
struct Candidate {
  std::uint32_t rank;
  std::int32_t at;
  TokenId left, right, merged;
};

bool after(const Candidate& a, const Candidate& b) {
  return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
}

}  // namespace

void MergeTable::apply(std::vector<TokenId>& symbols) const {
  if (symbols.size() < 2) return;
  GYRE_CHECK(symbols.size() < std::numeric_limits<std::int32_t>::max(), ErrorCode::kInput,
             "a text of {} symbols without a break is too long to tokenize; split the file", symbols.size());
  const auto n = static_cast<std::int32_t>(symbols.size());
  std::vector<Node> nodes(symbols.size());
  std::vector<Candidate> queue;
  const auto candidate = [&](std::int32_t at) {
    const auto next = nodes[at].next;
    const Entry* merge = next < 0 ? nullptr : find(nodes[at].id, nodes[next].id);
    if (merge) queue.push_back({merge->rank, at, merge->left, merge->right, merge->merged});
    return merge != nullptr;
  };
  for (std::int32_t i = 0; i < n; ++i) nodes[i] = {symbols[i], i - 1, i + 1 < n ? i + 1 : -1};
  for (std::int32_t i = 0; i + 1 < n; ++i) candidate(i);
  std::make_heap(queue.begin(), queue.end(), after);
  while (!queue.empty()) {
    std::pop_heap(queue.begin(), queue.end(), after);
    const Candidate best = queue.back();
    queue.pop_back();
    Node& node = nodes[best.at];
    // A node swallowed by its left neighbour has id -1, and so matches no candidate.
    if (node.id != best.left || node.next < 0 || nodes[node.next].id != best.right) continue;
    Node& gone = nodes[node.next];
    node.id = best.merged;
    node.next = gone.next;
    gone.id = -1;
    if (node.next >= 0) nodes[node.next].previous = best.at;
    if (candidate(best.at)) std::push_heap(queue.begin(), queue.end(), after);
    if (node.previous >= 0 && candidate(node.previous)) std::push_heap(queue.begin(), queue.end(), after);
  }
  symbols.clear();
  for (std::int32_t i = 0; i >= 0; i = nodes[i].next) symbols.push_back(nodes[i].id);
}

}  // namespace gyre::text
