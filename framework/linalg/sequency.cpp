// Sequency: sign changes along the rows of a Hadamard matrix. Walsh, Amer. J. Math. 45 (1923).
#include <algorithm>
#include <numeric>

#include "linalg/hadamard.h"

namespace gyre::linalg {
namespace {

// Sign changes along row `index` of the Sylvester matrix of order 2^log2: the inverse of bitreverse(gray(s)).
std::int64_t sylvester_changes(std::int64_t index, int log2) {
  std::int64_t gray = 0;
  for (int bit = 0; bit < log2; ++bit) gray = gray << 1 | (index >> bit & 1);
  for (int shift = 1; shift < log2; shift *= 2) gray ^= gray >> shift;
  return gray;
}

std::vector<std::int64_t> base_changes(std::int64_t base) {
  const SignMatrix h = hadamard_base(base);
  std::vector<std::int64_t> changes(static_cast<std::size_t>(base));
  for (std::int64_t i = 0; i < base; ++i)
    for (std::int64_t j = 1; j < base; ++j) changes[static_cast<std::size_t>(i)] += h(i, j) != h(i, j - 1);
  return changes;
}

}  // namespace

std::vector<std::int64_t> sign_changes(std::int64_t order) {
  const auto [n, base, log2] = hadamard_factors(order);
  const std::int64_t inner = n / base;
  std::vector<std::int64_t> changes;
  changes.reserve(static_cast<std::size_t>(n));
  for (const std::int64_t outer : base_changes(base))
    for (std::int64_t r = 0; r < inner; ++r) {
      // A Sylvester row begins with +1 and ends with the parity of its changes; where it ends with -1, the
      // row changes between two copies exactly where the base row does not.
      const std::int64_t within = sylvester_changes(r, log2);
      changes.push_back(base * within + (within % 2 ? base - 1 - outer : outer));
    }
  return changes;
}

std::vector<std::int64_t> sequency_order(std::int64_t order) {
  const auto changes = sign_changes(order);
  std::vector<std::int64_t> rows(changes.size());
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  std::stable_sort(rows.begin(), rows.end(), [&](std::int64_t a, std::int64_t b) {
    return changes[static_cast<std::size_t>(a)] < changes[static_cast<std::size_t>(b)];
  });
  return rows;
}

}  // namespace gyre::linalg
