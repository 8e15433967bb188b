// Paley, "On orthogonal matrices", J. Math. Phys. 12 (1933); Williamson, "Hadamard's determinant theorem and
// the sum of four squares", Duke Math. J. 11 (1944).
#include "linalg/dense_hadamard.h"

#include <array>
#include <string_view>

#include "core/error.h"

namespace gyre::linalg {
namespace {

bool is_prime(std::int64_t q) {
  if (q < 2) return false;
  for (std::int64_t d = 2; d * d <= q; ++d)
    if (q % d == 0) return false;
  return true;
}

// chi(0), ..., chi(q-1): 0 at 0, 1 for a square modulo the prime q, -1 otherwise.
std::vector<std::int8_t> quadratic_character(std::int64_t q) {
  std::vector<std::int8_t> chi(static_cast<std::size_t>(q), -1);
  for (std::int64_t i = 1; i < q; ++i) chi[static_cast<std::size_t>(i * i % q)] = 1;
  chi[0] = 0;
  return chi;
}

// [[0, 1...], [left..., chi(i - j)]] of order q + 1; left is -1 where q = 3 mod 4 (then it is skew), else 1
// (symmetric).
SignMatrix bordered_jacobsthal(std::int64_t q) {
  const auto chi = quadratic_character(q);
  SignMatrix s(q + 1, q + 1);
  s.row(0).setOnes();
  s.col(0).setConstant(q % 4 == 3 ? -1 : 1);
  s(0, 0) = 0;
  for (std::int64_t i = 0; i < q; ++i)
    for (std::int64_t j = 0; j < q; ++j) s(i + 1, j + 1) = chi[static_cast<std::size_t>((i - j + q) % q)];
  return s;
}

bool has_paley_1(std::int64_t order) {
  return order % 4 == 0 && is_prime(order - 1);
}

SignMatrix paley_1(std::int64_t order) {
  SignMatrix h = bordered_jacobsthal(order - 1);
  h.diagonal().setOnes();
  return h;
}

bool has_paley_2(std::int64_t order) {
  return order % 4 == 0 && (order / 2) % 4 == 2 && is_prime(order / 2 - 1);
}

SignMatrix paley_2(std::int64_t order) {
  const SignMatrix s = bordered_jacobsthal(order / 2 - 1);
  const SignMatrix off_diagonal{{1, 1}, {1, -1}}, diagonal{{1, -1}, {-1, -1}};
  SignMatrix h = kronecker(s, off_diagonal);
  for (std::int64_t i = 0; i < s.rows(); ++i) h.block<2, 2>(2 * i, 2 * i) = diagonal;
  return h;
}

// Four symmetric circulants of order k, each by the first half of its first row: a_i = a_(k-i).
struct Williamson {
  std::int64_t k;
  std::array<std::string_view, 4> rows;
};
constexpr Williamson kWilliamson[] = {
    {13, {"+-+--++", "+---+++", "++-+--+", "+----+-"}},
    {39, {"+++--+-+-----+--++--", "++++---+--++----+-+-", "+++--++-+---+-+--+--", "+---++-+-+-----+++-+"}},
    {43,
     {"+---++--++++-+-+++-++-", "++-++++++----+-+--++-+", "+++-+-++--+-+-++++-+--",
      "++---++++-+--+--++----"}},
};

const Williamson* find_williamson(std::int64_t order) {
  for (const auto& entry : kWilliamson)
    if (order == 4 * entry.k) return &entry;
  return nullptr;
}

bool has_williamson(std::int64_t order) {
  return find_williamson(order) != nullptr;
}

SignMatrix williamson(std::int64_t order) {
  const auto& [k, rows] = *find_williamson(order);
  std::array<SignMatrix, 4> block;
  for (std::size_t b = 0; b < 4; ++b) {
    block[b].resize(k, k);
    for (std::int64_t i = 0; i < k; ++i)
      for (std::int64_t j = 0; j < k; ++j) {
        const std::int64_t distance = (j - i + k) % k;
        block[b](i, j) = rows[b][static_cast<std::size_t>(std::min(distance, k - distance))] == '+' ? 1 : -1;
      }
  }
  const auto& [a, b, c, d] = block;
  SignMatrix h(order, order);
  h << a, b, c, d,   //
      -b, a, -d, c,  //
      -c, d, a, -b,  //
      -d, -c, b, a;
  return h;
}

// The smallest first factor of a product of two dense orders, or 0. Below 12 there are powers of two only.
std::int64_t first_factor(std::int64_t order) {
  for (std::int64_t a = 12; a * a <= order; a += 4)
    if (order % a == 0 && has_dense_hadamard(a) && has_dense_hadamard(order / a)) return a;
  return 0;
}

bool has_product(std::int64_t order) {
  return first_factor(order) != 0;
}

SignMatrix product(std::int64_t order) {
  const std::int64_t a = first_factor(order);
  return kronecker(dense_hadamard(a), dense_hadamard(order / a));
}

// In the order in which they are tried: part of what an order's matrix is, as linalg/hadamard.h says.
struct Construction {
  bool (*gives)(std::int64_t order);
  SignMatrix (*make)(std::int64_t order);
};
constexpr Construction kConstructions[] = {
    {has_paley_1, paley_1}, {has_paley_2, paley_2}, {has_williamson, williamson}, {has_product, product}};

const Construction* find_construction(std::int64_t order) {
  for (const auto& construction : kConstructions)
    if (construction.gives(order)) return &construction;
  return nullptr;
}

}  // namespace

bool has_dense_hadamard(std::int64_t order) {
  return find_construction(order) != nullptr;
}

SignMatrix dense_hadamard(std::int64_t order) {
  const auto* construction = find_construction(order);
  GYRE_ASSERT(construction);
  return construction->make(order);
}

SignMatrix kronecker(const SignMatrix& a, const SignMatrix& b) {
  SignMatrix product(a.rows() * b.rows(), a.cols() * b.cols());
  for (std::int64_t i = 0; i < a.rows(); ++i)
    for (std::int64_t j = 0; j < a.cols(); ++j)
      product.block(i * b.rows(), j * b.cols(), b.rows(), b.cols()) = b * a(i, j);
  return product;
}

}  // namespace gyre::linalg
