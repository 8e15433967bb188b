#include "train/leak.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "core/error.h"

namespace gyre {
namespace {

constexpr std::uint64_t kBase = 0x9E3779B97F4A7C15;  // odd; sums of products modulo 2^64
constexpr std::size_t kLeastKinds = 8;

std::uint64_t digit(std::int32_t token) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(token)) + 1;
}

std::uint64_t hash_of(std::span<const std::int32_t> tokens) {
  std::uint64_t hash = 0;
  for (const auto token : tokens) hash = hash * kBase + digit(token);
  return hash;
}

bool says_something(std::span<const std::int32_t> tokens) {
  return std::set<std::int32_t>(tokens.begin(), tokens.end()).size() >= std::min(kLeastKinds, tokens.size());
}

}  // namespace

std::optional<SharedTokens> find_shared_tokens(std::span<const std::int32_t> train,
                                               std::span<const std::int32_t> eval) {
  const auto length = std::min<std::size_t>(kLeakWindow, eval.size());
  if (length == 0 || train.size() < length) return std::nullopt;
  std::unordered_multimap<std::uint64_t, std::size_t> places;
  SharedTokens result;
  for (std::size_t at = 0; at + length <= eval.size(); at += length) {
    const auto window = eval.subspan(at, length);
    if (!says_something(window)) continue;
    places.emplace(hash_of(window), at);
    ++result.n_windows;
  }
  std::uint64_t leaving = 1;  // what the oldest token of a window is multiplied with
  for (std::size_t i = 1; i < length; ++i) leaving *= kBase;
  std::set<std::size_t> shared;
  std::uint64_t hash = hash_of(train.first(length));
  for (std::size_t at = 0;; ++at) {
    const auto [begin, end] = places.equal_range(hash);
    for (auto it = begin; it != end; ++it) {
      if (!std::ranges::equal(train.subspan(at, length), eval.subspan(it->second, length))) continue;
      if (shared.empty()) {
        result.train_at = static_cast<std::int64_t>(at);
        result.eval_at = static_cast<std::int64_t>(it->second);
        result.length = static_cast<std::int64_t>(length);
      }
      shared.insert(it->second);
      result.places.push_back(static_cast<std::int64_t>(at));
    }
    if (at + length == train.size()) break;
    hash = (hash - digit(train[at]) * leaving) * kBase + digit(train[at + length]);
  }
  result.n_shared = static_cast<std::int64_t>(shared.size());
  return shared.empty() ? std::nullopt : std::optional(result);
}

double shared_share(const SharedTokens& shared, std::span<const std::int64_t> starts, std::int64_t n) {
  const auto end = starts.empty() ? 0 : std::ranges::max(starts) + n;
  std::vector<bool> evaluated(static_cast<std::size_t>(end));
  for (const auto place : shared.places)
    for (auto at = place; at < std::min(place + shared.length, end); ++at)
      evaluated[static_cast<std::size_t>(at)] = true;
  std::int64_t n_evaluated = 0;
  for (const auto start : starts)
    n_evaluated += std::count(evaluated.begin() + start, evaluated.begin() + start + n, true);
  return static_cast<double>(n_evaluated) / static_cast<double>(std::ssize(starts) * n);
}

void refuse_leak(const SharedTokens& shared, const TextUse& use, std::string_view eval_name) {
  fail(
      ErrorCode::kConfig,
      "{} '{}' holds text of eval.dataset '{}': the {} tokens from token {} on stand there from token {} on, "
      "and {} of {} windows of the evaluated text are in it; {} on the evaluated text is refused, take that "
      "part out or another text",
      use.setting, use.name, eval_name, shared.length, shared.train_at, shared.eval_at, shared.n_shared,
      shared.n_windows, use.doing);
}

}  // namespace gyre
