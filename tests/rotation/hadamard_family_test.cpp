// What is special about the Hadamard schemes: which matrix each one is, and that the fast transform is that
// matrix at every order that models need.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "linalg/hadamard.h"
#include "rotation/rotation.h"

namespace gyre {
namespace {

torch::Tensor matrix(const std::string& scheme, std::int64_t size, AutoSize block = {}, bool signs = false) {
  return make_rotation({scheme, block, signs}, size, 5)->matrix();
}

// D of R = D M, by the rows of M = R without signs.
torch::Tensor signs_of(const std::string& scheme, std::int64_t size) {
  const auto plain = matrix(scheme, size), flipped = matrix(scheme, size, {}, true);
  const auto d = (plain * flipped).sum(1);
  EXPECT_TRUE(torch::allclose(flipped, d.unsqueeze(1) * plain, 0, 1e-12));
  return d.round();
}

TEST(Hadamard, IsTheTransposedMatrixInNaturalOrder) {
  for (const std::int64_t size : {12, 20, 36, 64}) {  // 12 and 20 are not symmetric
    const auto r = matrix("hadamard", size);
    const auto h = linalg::hadamard(size);
    for (std::int64_t i = 0; i < size; ++i)
      for (std::int64_t j = 0; j < size; ++j)
        ASSERT_EQ(r[i][j].item<double>(), h(j, i) / std::sqrt(static_cast<double>(size))) << i << ", " << j;
  }
}

TEST(Sequency, IsTheHadamardRotationWithItsChannelsInSequencyOrder) {
  for (const std::int64_t size : {16, 96, 576}) {
    const auto order = linalg::sequency_order(size);
    EXPECT_TRUE(torch::equal(matrix("sequency", size),
                             matrix("hadamard", size).index_select(1, torch::tensor(order))));
  }
}

TEST(Sequency, ChannelsComeOutByTheirSignChanges) {
  for (const std::int64_t size : {64, 576}) {
    const auto r = matrix("sequency", size).sign();
    const auto changes = (r.diff(1, 0) != 0).sum(0);
    EXPECT_TRUE((changes.diff() >= 0).all().item<bool>());
    if (size == 64) {
      EXPECT_TRUE(torch::equal(changes, torch::arange(64)));
    }
  }
}

TEST(LocalSchemes, AreTheGlobalOnesOnEachBlock) {
  for (const auto& [local, global] : {std::pair("local_hadamard", "hadamard"), std::pair("gsr", "sequency")})
    for (const std::int64_t block : {1, 2, 12, 16, 48}) {
      const auto r = matrix(local, 96, AutoSize{block}), one = matrix(global, block);
      for (std::int64_t i = 0; i < 96; i += block)
        for (std::int64_t j = 0; j < 96; j += block) {
          const auto part = r.slice(0, i, i + block).slice(1, j, j + block);
          EXPECT_TRUE(torch::equal(part, i == j ? one : torch::zeros_like(one))) << local << " " << block;
        }
    }
}

TEST(LocalSchemes, ChooseTheLargestPowerOfTwoUpTo128) {
  for (const auto& [size, block] :
       {std::pair(1536, 128), std::pair(576, 64), std::pair(96, 32), std::pair(45, 1)})
    for (const char* scheme : {"local_hadamard", "gsr"})
      EXPECT_TRUE(torch::equal(matrix(scheme, size), matrix(scheme, size, AutoSize{block})))
          << scheme << " " << size;
}

TEST(RandomSigns, FlipInputChannelsBeforeTheyAreMixed) {
  for (const char* scheme : {"hadamard", "sequency", "local_hadamard", "gsr"}) {
    const auto d = signs_of(scheme, 576);
    EXPECT_TRUE((d.abs() == 1).all().item<bool>());
    EXPECT_LT(std::abs(d.sum().item<double>()), 5 * 24);      // five standard deviations, sqrt(576)
    EXPECT_TRUE(torch::equal(d, signs_of("hadamard", 576)));  // the draw knows no scheme
  }
}

// --- Orders too large for a dense matrix
// --------------------------------------------------------------------------

// Entry (i, j) of base (x) Sylvester, from the definition.
double natural_entry(const linalg::SignMatrix& base, std::int64_t inner, std::int64_t i, std::int64_t j) {
  const auto common = static_cast<std::uint64_t>((i % inner) & (j % inner));
  return base(i / inner, j / inner) * (std::popcount(common) % 2 ? -1.0 : 1.0);
}

// The unit vectors e_i go to rows of R, H^T / sqrt(n) with its columns in the scheme's order; backwards, to
// rows of R^T.
void expect_probe_rows(const std::string& scheme, std::int64_t n) {
  const auto rotation = make_rotation({scheme, {}, false}, n, 0);
  const auto base = linalg::hadamard_base(linalg::hadamard_factors(n).base);
  const auto inner = n / base.rows();
  const auto order = linalg::sequency_order(n);
  const auto row = [&](std::int64_t j) {
    return scheme == "sequency" ? order[static_cast<std::size_t>(j)] : j;
  };
  const std::vector<std::int64_t> probes{0, 1, inner - 1, inner % n, n / 2 + 3, n - 1};
  const auto count = static_cast<std::int64_t>(probes.size());
  const auto units = torch::zeros({count, n}, torch::kFloat64);
  auto forward = torch::empty_like(units), backward = torch::empty_like(units);
  auto f = forward.accessor<double, 2>(), b = backward.accessor<double, 2>();
  for (std::int64_t k = 0; k < count; ++k) {
    const auto i = probes[static_cast<std::size_t>(k)];
    units[k][i] = std::sqrt(static_cast<double>(n));
    for (std::int64_t j = 0; j < n; ++j) {
      f[k][j] = natural_entry(base, inner, row(j), i);
      b[k][j] = natural_entry(base, inner, row(i), j);
    }
  }
  EXPECT_LT((rotation->rotate(units) - forward).abs().max().item<double>(), 1e-12) << scheme << " " << n;
  EXPECT_LT((rotation->unrotate(units) - backward).abs().max().item<double>(), 1e-12) << scheme << " " << n;
}

TEST(FastTransform, IsTheDefinitionAtEveryModelsOrder) {
  for (const std::int64_t n : {2048, 2560, 3072, 3584, 4096, 4864, 5120, 5632, 8192, 8960, 9728, 11008, 13824,
                               14336, 17408, 18944, 25600, 28672, 29568})
    for (const char* scheme : {"hadamard", "sequency"}) expect_probe_rows(scheme, n);
}

}  // namespace
}  // namespace gyre
