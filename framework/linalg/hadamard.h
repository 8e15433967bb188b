// Hadamard matrices of every order that Sylvester, Paley I and II (prime q), Williamson (13, 39, 43) and
// Kronecker products give; nothing is stored but four short sequences per Williamson order.
#pragma once

#include <cstdint>
#include <vector>

#include <Eigen/Core>

namespace gyre::linalg {

using SignMatrix = Eigen::Matrix<std::int8_t, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// The fixed choice for an order n = base * 2^log2: natural(n) = base matrix (x) Sylvester(2^log2). base is 1
// or the smallest order n / 2^k that a dense construction gives, so that the fast transform is as long as
// possible. The dense constructions, in the order in which they are tried:
//   1. Paley I:    order q + 1, prime q = 3 mod 4: 12 20 44 60 68 84 104 108 132 140 152 164 168 200 ...
//   2. Paley II:   order 2 (q + 1), prime q = 1 mod 4: 28 36 76 124 148 ... 924 ...
//   3. Williamson: orders 52, 156, 172.
//   4. Kronecker:  a product of two dense matrices, the smallest first factor first: 1360 is 20 (x) 68 ...
// So 40 is 20 * 2, 60 is Paley I (not II), 400 is 200 * 2 (not 20 (x) 20), and 92 has none.
struct HadamardFactors {
  std::int64_t order = 1, base = 1;
  int log2 = 0;
};

// Larger orders are refused, and so are orders whose base is larger than kMaxBase: it is held as a dense
// matrix.
inline constexpr std::int64_t kMaxOrder = std::int64_t{1} << 24, kMaxBase = 8192;

bool has_hadamard(std::int64_t order);
// kUnsupported, with the nearest orders that exist, when none is known.
HadamardFactors hadamard_factors(std::int64_t order);

// The base matrix of an order, entries +-1 (order 1 gives [1]).
SignMatrix hadamard_base(std::int64_t base);
// The whole matrix in natural order; for tests and small orders.
SignMatrix hadamard(std::int64_t order);

// Number of sign changes along each row of hadamard(order), without forming it.
std::vector<std::int64_t> sign_changes(std::int64_t order);
// Row indices of hadamard(order) in sequency order: sorted by sign changes, stably. For powers of two this is
// the Walsh order, W[s] = H[bitrev(gray(s))].
std::vector<std::int64_t> sequency_order(std::int64_t order);

// Haar-distributed orthogonal matrix: QR of a Gaussian matrix, columns times sign(diag R).
Matrix haar(std::int64_t order, std::uint64_t seed);

// max |R R^T - I|.
double orthogonality_error(const Matrix& r);

}  // namespace gyre::linalg
