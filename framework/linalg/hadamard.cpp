#include "linalg/hadamard.h"

#include <bit>

#include "core/error.h"
#include "linalg/dense_hadamard.h"

namespace gyre::linalg {
namespace {

// The base of an order, or 0 where none is known.
std::int64_t find_base(std::int64_t order) {
  if (order < 1 || order > kMaxOrder) return 0;
  if (std::has_single_bit(static_cast<std::uint64_t>(order))) return 1;
  for (std::int64_t base = order >> std::countr_zero(static_cast<std::uint64_t>(order)); base <= order;
       base *= 2)
    if (base <= kMaxBase && has_dense_hadamard(base)) return base;
  return 0;
}

[[noreturn]] void fail_unsupported(std::int64_t order) {
  GYRE_CHECK(order > 0 && order <= kMaxOrder, ErrorCode::kUnsupported,
             "no Hadamard matrix of order {}; expected an order from 1 to {}", order, kMaxOrder);
  std::int64_t below = order, above = order;  // kMaxOrder is a power of two, so both ends are found
  while (!has_hadamard(below)) --below;
  while (!has_hadamard(above)) ++above;
  fail(ErrorCode::kUnsupported,
       "no Hadamard matrix of order {} is known here; the nearest orders are {} and {}. Use one of them, or "
       "blocks of a "
       "known order that divides {}",
       order, below, above, order);
}

SignMatrix sylvester(int log2) {
  const std::int64_t n = std::int64_t{1} << log2;
  SignMatrix h(n, n);
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j)
      h(i, j) = std::popcount(static_cast<std::uint64_t>(i & j)) % 2 ? -1 : 1;
  return h;
}

}  // namespace

bool has_hadamard(std::int64_t order) {
  return find_base(order) != 0;
}

HadamardFactors hadamard_factors(std::int64_t order) {
  const std::int64_t base = find_base(order);
  if (base == 0) fail_unsupported(order);
  return {order, base, std::countr_zero(static_cast<std::uint64_t>(order / base))};
}

SignMatrix hadamard_base(std::int64_t base) {
  if (base == 1) return SignMatrix::Ones(1, 1);
  GYRE_CHECK(base > 0 && find_base(base) == base, ErrorCode::kUnsupported,
             "{} is not the base of a Hadamard order; use hadamard_factors({}).base", base, base);
  return dense_hadamard(base);
}

SignMatrix hadamard(std::int64_t order) {
  const auto factors = hadamard_factors(order);
  return kronecker(hadamard_base(factors.base), sylvester(factors.log2));
}

}  // namespace gyre::linalg
