// Learned levels and steps against plain loops in float64, on every instruction set that the machine has.
#include "kernels/learned_quant.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kernels/cpu/learned_quant_simd.h"
#include "kernels/cpu_features.h"

namespace gyre::kernels {
namespace {

template <class T>
struct Case {
  std::int64_t groups, group;
  int n_levels;
  std::vector<T> x, gradient, knots, levels, steps;
};

// Heavy-tailed values, some of them knots, midpoints or beyond the ends; the last group has knots of no
// width, and values that are all 0.
template <class T>
Case<T> make_case(std::int64_t groups, std::int64_t group, int n_levels) {
  std::mt19937 random(static_cast<unsigned>(groups * group + n_levels));
  std::student_t_distribution<double> values(5);
  Case<T> c{groups, group, n_levels, {}, {}, {}, {}, {}};
  for (std::int64_t g = 0; g < groups; ++g) {
    std::vector<T> knots(static_cast<std::size_t>(n_levels));
    for (auto& knot : knots) knot = static_cast<T>(values(random));
    std::sort(knots.begin(), knots.end());
    const bool flat = g == groups - 1;
    if (flat) std::fill(knots.begin(), knots.end(), T(0));
    c.steps.push_back(flat ? T(0) : static_cast<T>(0.1 + std::abs(values(random))));
    for (std::int64_t i = 0; i < group; ++i) {
      const auto k = static_cast<std::size_t>(i % (n_levels - 1));
      T v = static_cast<T>(values(random));
      if (i % 7 == 3) v = knots[k];
      if (i % 7 == 5) v = (knots[k] + knots[k + 1]) * T(0.5);
      c.x.push_back(flat ? T(0) : v);
      c.gradient.push_back(static_cast<T>(values(random)));
    }
    for (const T knot : knots) {
      c.knots.push_back(knot);
      c.levels.push_back(static_cast<T>(2 * knot + 1));
    }
  }
  return c;
}

template <class T>
constexpr DType dtype_of() {
  return sizeof(T) == 8 ? DType::kF64 : DType::kF32;
}

struct Isa {
  const char* name;
  bool there;
  decltype(&scalar::group_range) range;
  decltype(&scalar::level_quant) level;
  decltype(&scalar::level_quant_backward) level_backward;
  decltype(&scalar::step_quant) step;
  decltype(&scalar::step_quant_backward) step_backward;
};
std::vector<Isa> isas() {
  return {{"scalar", true, scalar::group_range, scalar::level_quant, scalar::level_quant_backward,
           scalar::step_quant, scalar::step_quant_backward},
          {"avx2", cpu_has_avx2(), avx2::group_range, avx2::level_quant, avx2::level_quant_backward,
           avx2::step_quant, avx2::step_quant_backward},
          {"avx512", cpu_has_avx512(), avx512::group_range, avx512::level_quant, avx512::level_quant_backward,
           avx512::step_quant, avx512::step_quant_backward}};
}

constexpr std::int64_t kGroups[] = {2, 12, 128, 600, 1200};

template <class T, class Check>
void for_each_case(Check check) {
  for (const auto& isa : isas()) {
    if (!isa.there) continue;
    for (const auto group : kGroups)
      for (const int n_levels : {2, 4, 8, 16, 256}) {
        SCOPED_TRACE(testing::Message()
                     << isa.name << " group " << group << " levels " << n_levels << " " << sizeof(T));
        check(isa, make_case<T>(5, group, n_levels));
        if (testing::Test::HasFailure()) return;
      }
  }
}

template <class T>
LevelQuantArgs level_args(const Case<T>& c, T* out, std::uint8_t* codes) {
  return {c.x.data(),      c.groups,      c.group, c.n_levels, c.knots.data(),
          c.levels.data(), dtype_of<T>(), out,     codes};
}

template <class T>
int code_of(const T* knots, int n_levels, T x) {
  int code = 0;
  for (int k = 0; k + 1 < n_levels; ++k) code += x >= (knots[k] + knots[k + 1]) * T(0.5);
  return code;
}

template <class T>
void check_levels() {
  for_each_case<T>([](const Isa& isa, const Case<T>& c) {
    std::vector<T> out(c.x.size());
    std::vector<std::uint8_t> codes(c.x.size());
    isa.level(level_args(c, out.data(), codes.data()), 0, c.groups);
    for (std::size_t i = 0; i < c.x.size(); ++i) {
      const auto at = i / static_cast<std::size_t>(c.group) * static_cast<std::size_t>(c.n_levels);
      const int code = code_of(&c.knots[at], c.n_levels, c.x[i]);
      ASSERT_EQ(codes[i], code) << i;
      ASSERT_EQ(out[i], c.levels[at + static_cast<std::size_t>(code)]) << i;
    }
  });
}
TEST(LevelQuant, PicksTheLevelOfItsKnots) {
  check_levels<float>();
  check_levels<double>();
}

TEST(LevelQuant, InPlaceGivesTheSame) {
  auto c = make_case<float>(40, 512, 4);  // enough for a team of threads
  std::vector<float> apart(c.x.size());
  ASSERT_EQ(level_quant(level_args(c, apart.data(), nullptr)), 0);
  auto args = level_args(c, c.x.data(), nullptr);
  ASSERT_EQ(level_quant(args), 0);
  EXPECT_EQ(c.x, apart);
}

template <class T>
void check_level_gradients(double tolerance) {
  for_each_case<T>([&](const Isa& isa, const Case<T>& c) {
    const auto n_parameters = c.knots.size();
    std::vector<T> grad_x(c.x.size()), grad_levels(n_parameters), grad_knots(n_parameters);
    LevelQuantBackwardArgs args{level_args<T>(c, nullptr, nullptr), c.gradient.data(), grad_x.data(),
                                grad_levels.data(), grad_knots.data()};
    isa.level_backward(args, 0, c.groups);
    std::vector<double> levels(n_parameters), knots(n_parameters), size(n_parameters);
    for (std::size_t i = 0; i < c.x.size(); ++i) {
      const auto at = i / static_cast<std::size_t>(c.group) * static_cast<std::size_t>(c.n_levels);
      const T* k = &c.knots[at];
      const double g = c.gradient[i], x = c.x[i];
      const double lo = k[0], hi = k[c.n_levels - 1];
      const auto code = at + static_cast<std::size_t>(code_of(k, c.n_levels, c.x[i]));
      levels[code] += g;
      size[code] += std::abs(g);
      const bool inside = x > lo && x < hi;
      ASSERT_EQ(grad_x[i], inside || lo == hi ? c.gradient[i] : T(0)) << i;
      for (int j = 0; inside && j + 1 < c.n_levels; ++j) {
        const double left = k[j], right = k[j + 1];
        if (x < left || x >= right) continue;
        const auto slot = at + static_cast<std::size_t>(j);
        knots[slot] -= g * (right - x) / (right - left);
        knots[slot + 1] -= g * (x - left) / (right - left);
        size[slot] += std::abs(g);
        size[slot + 1] += std::abs(g);
      }
    }
    for (std::size_t i = 0; i < n_parameters; ++i) {
      ASSERT_NEAR(grad_levels[i], levels[i], tolerance * (1 + size[i])) << i;
      ASSERT_NEAR(grad_knots[i], knots[i], 8 * tolerance * (1 + size[i])) << i;
    }
    args.grad_knots = nullptr;  // the codebook form
    std::vector<T> again(n_parameters);
    args.grad_levels = again.data();
    isa.level_backward(args, 0, c.groups);
    EXPECT_EQ(again, grad_levels);
  });
}
TEST(LevelQuant, SumsGradientsByCodeAndHat) {
  check_level_gradients<float>(1e-5);
  check_level_gradients<double>(1e-13);
}

template <class T>
void check_steps(double tolerance) {
  for_each_case<T>([&](const Isa& isa, const Case<T>& c) {
    for (const auto& [lowest, margin] : {std::pair(-2.0, 0.0), {0.0, 0.0}, {-1.5, 0.5}}) {
      const double highest = lowest + 3;
      std::vector<T> out(c.x.size()), scale(c.steps.size()), grad_x(c.x.size()), grad_step(c.steps.size());
      std::vector<std::uint8_t> codes(c.x.size());
      const StepQuantArgs args{c.x.data(), c.groups,     c.group,        2,
                               lowest,     margin,       c.steps.data(), dtype_of<T>(),
                               out.data(), codes.data(), scale.data()};
      isa.step(args, 0, c.groups);
      isa.step_backward({args, c.gradient.data(), grad_x.data(), grad_step.data()}, 0, c.groups);
      EXPECT_EQ(scale, c.steps);
      std::vector<double> sums(c.steps.size()), size(c.steps.size());
      for (std::size_t i = 0; i < c.x.size(); ++i) {
        const auto g = i / static_cast<std::size_t>(c.group);
        const T step = c.steps[g];
        const T inverse = step > 0 ? 1 / step : std::numeric_limits<T>::max();
        const T u = c.x[i] * inverse;
        const double code =
            std::clamp(std::nearbyint(static_cast<double>(u - static_cast<T>(lowest))), 0.0, 3.0);
        const bool inside = u > lowest - margin && u < highest + margin;
        ASSERT_EQ(codes[i], code) << i;
        ASSERT_EQ(out[i], static_cast<T>((code + lowest)) * step) << i;
        ASSERT_EQ(grad_x[i], inside ? c.gradient[i] : T(0)) << i;
        sums[g] += c.gradient[i] * (code + lowest - (inside ? static_cast<double>(u) : 0));
        size[g] += std::abs(c.gradient[i]) * 3;
      }
      for (std::size_t g = 0; g < sums.size(); ++g)
        ASSERT_NEAR(grad_step[g], sums[g], tolerance * (1 + size[g])) << g;
    }
  });
}
TEST(StepQuant, RoundsToStepsAndSumsTheirGradient) {
  check_steps<float>(1e-5);
  check_steps<double>(1e-13);
}

TEST(StepQuant, TakesWhatIsNotPositiveAsZeroAndSpreadsNaN) {
  std::vector<float> x = {1, -2, 0, 3, 1, -2, 0, 3, 1, NAN, 0, 3, 1, 2, 3, INFINITY};
  std::vector<float> step = {-1, NAN, 1, 1}, out(x.size()), scale(4);
  std::vector<std::uint8_t> codes(x.size());
  ASSERT_EQ(step_quant(
                {x.data(), 4, 4, 2, -2, 0, step.data(), DType::kF32, out.data(), codes.data(), scale.data()}),
            0);
  EXPECT_EQ(scale[0], 0);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(out[i], 0) << i;
  for (std::size_t i = 4; i < 16; ++i) {
    EXPECT_TRUE(std::isnan(out[i])) << i;
    EXPECT_EQ(codes[i], 0) << i;
    EXPECT_TRUE(std::isnan(scale[i / 4])) << i;
  }
}

TEST(GroupRange, IsTheSmallestAndLargestOrNaN) {
  for (const auto& isa : isas()) {
    if (!isa.there) continue;
    std::vector<double> x = {3, -1, 2, 0.5, 0.25, 1, -3, -2, -5, NAN, 1, 2, INFINITY, 1, 2};
    std::vector<double> lo(5), hi(5);
    isa.range({x.data(), 5, 3, DType::kF64, lo.data(), hi.data()}, 0, 5);
    EXPECT_EQ(std::vector<double>(lo.begin(), lo.begin() + 3), (std::vector<double>{-1, 0.25, -5}));
    EXPECT_EQ(std::vector<double>(hi.begin(), hi.begin() + 3), (std::vector<double>{3, 1, -2}));
    for (int g : {3, 4}) EXPECT_TRUE(std::isnan(lo[g]) && std::isnan(hi[g])) << isa.name;
  }
}

TEST(LearnedQuant, RefusesOtherDtypes) {
  std::vector<float> x(4), p(4);
  EXPECT_EQ(group_range({x.data(), 1, 4, DType::kF16, p.data(), p.data()}), 1);
  EXPECT_EQ(level_quant({x.data(), 1, 4, 2, p.data(), p.data(), DType::kBF16, p.data(), nullptr}), 1);
}

}  // namespace
}  // namespace gyre::kernels
