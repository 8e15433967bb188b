// Causal attention against its definition in float64, in every dtype and at lengths around the tiles' edges.
#include "kernels/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <tuple>
#include <vector>

#include "kernels/io_testing.h"

namespace gyre::kernels {
namespace {

struct Shape {
  std::int64_t batch, length, heads, kv_heads, dim;
};

std::vector<double> by_definition(const AttentionArgs& args, const std::vector<double>& q,
                                  const std::vector<double>& k, const std::vector<double>& v) {
  std::vector<double> out(q.size());
  std::vector<double> weights(static_cast<std::size_t>(args.length));
  const auto at = [&](std::int64_t b, std::int64_t t, std::int64_t h, std::int64_t heads) {
    return static_cast<std::size_t>(((b * args.length + t) * heads + h) * args.dim);
  };
  for (std::int64_t b = 0; b < args.batch; ++b)
    for (std::int64_t h = 0; h < args.heads; ++h)
      for (std::int64_t t = 0; t < args.length; ++t) {
        const auto g = h * args.kv_heads / args.heads;
        const auto query = at(b, t, h, args.heads);
        double sum = 0;
        for (std::int64_t s = 0; s <= t; ++s) {
          double score = 0;
          for (std::int64_t d = 0; d < args.dim; ++d)
            score += q[query + static_cast<std::size_t>(d)] *
                     k[at(b, s, g, args.kv_heads) + static_cast<std::size_t>(d)];
          sum += weights[static_cast<std::size_t>(s)] = std::exp(double{args.scale} * score);
        }
        for (std::int64_t s = 0; s <= t; ++s)
          for (std::int64_t d = 0; d < args.dim; ++d)
            out[query + static_cast<std::size_t>(d)] +=
                weights[static_cast<std::size_t>(s)] / sum *
                v[at(b, s, g, args.kv_heads) + static_cast<std::size_t>(d)];
      }
  return out;
}

class CausalAttention : public ::testing::TestWithParam<std::tuple<DType, Shape>> {};

TEST_P(CausalAttention, IsItsDefinition) {
  const auto& [dtype, shape] = GetParam();
  std::mt19937 random(7);
  const auto q_size = static_cast<std::size_t>(shape.batch * shape.length * shape.heads * shape.dim);
  const auto kv_size = static_cast<std::size_t>(shape.batch * shape.length * shape.kv_heads * shape.dim);
  const auto q = io::normal(dtype, q_size, random), k = io::normal(dtype, kv_size, random),
             v = io::normal(dtype, kv_size, random);
  std::vector<std::byte> out(q.bytes.size() + 64, std::byte{0x5a});
  const AttentionArgs args{q.bytes.data(), k.bytes.data(),
                           v.bytes.data(), out.data(),
                           shape.batch,    shape.length,
                           shape.heads,    shape.kv_heads,
                           shape.dim,      static_cast<float>(1 / std::sqrt(double(shape.dim))),
                           dtype};
  ASSERT_EQ(causal_attention(args), 0);
  const auto expected = by_definition(args, q.values, k.values, v.values);
  const auto found = io::values(dtype, out.data(), q_size);
  // float32 sums; in 16 bits the rounding of the output, and for bfloat16 that of the weights.
  const double tolerance = dtype == DType::kF32 ? 2e-5 : dtype == DType::kF16 ? 4e-3 : 3e-2;
  for (std::size_t i = 0; i < q_size; ++i) ASSERT_NEAR(found[i], expected[i], tolerance) << i;
  for (std::size_t i = q.bytes.size(); i < out.size(); ++i)
    ASSERT_EQ(out[i], std::byte{0x5a}) << "written past the end";

  std::vector<std::byte> again(out.size(), std::byte{0x5a});
  AttentionArgs repeated = args;
  repeated.out = again.data();
  ASSERT_EQ(causal_attention(repeated), 0);
  EXPECT_EQ(again, out);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, CausalAttention,
    ::testing::Combine(::testing::Values(DType::kF32, DType::kF16, DType::kBF16),
                       ::testing::Values(Shape{1, 1, 1, 1, 2}, Shape{2, 31, 4, 2, 16}, Shape{1, 32, 9, 3, 64},
                                         Shape{1, 33, 3, 3, 64}, Shape{2, 128, 2, 1, 80},
                                         Shape{1, 129, 6, 2, 128}, Shape{1, 300, 2, 1, 6})));

TEST(AttentionInput, ScoresFarApartStayFinite) {
  // One key dominates by hundreds of nats, and later ones exceed the running maximum.
  const std::int64_t length = 200, dim = 2;
  std::vector<float> q(static_cast<std::size_t>(length * dim), 30.0f), k(q.size()), v(q.size()),
      out(q.size());
  for (std::int64_t t = 0; t < length; ++t)
    for (std::int64_t d = 0; d < dim; ++d) {
      k[static_cast<std::size_t>(t * dim + d)] = static_cast<float>(t % 50) - 25.0f;
      v[static_cast<std::size_t>(t * dim + d)] = static_cast<float>(t);
    }
  ASSERT_EQ(
      causal_attention({q.data(), k.data(), v.data(), out.data(), 1, length, 1, 1, dim, 1.0f, DType::kF32}),
      0);
  for (std::int64_t t = 0; t < 49; ++t)
    EXPECT_NEAR(out[static_cast<std::size_t>(t * dim)], static_cast<float>(t), 1e-3) << t;
  for (const float value : out) EXPECT_TRUE(std::isfinite(value));
}

TEST(AttentionInput, RefusesWhatItCannotDo) {
  std::vector<double> x(8);
  EXPECT_NE(causal_attention({x.data(), x.data(), x.data(), x.data(), 1, 2, 2, 2, 2, 1.0f, DType::kF64}), 0);
  EXPECT_NE(causal_attention({x.data(), x.data(), x.data(), x.data(), 1, 2, 3, 2, 2, 1.0f, DType::kF32}), 0);
}

}  // namespace
}  // namespace gyre::kernels
