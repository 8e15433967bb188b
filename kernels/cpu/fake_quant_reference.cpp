#include "kernels/cpu/fake_quant_reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#define GYRE_ISA reference
#include "kernels/cpu/half_simd.h"

namespace gyre::kernels {
namespace {

float load(float x) {
  return x;
}
double load(double x) {
  return x;
}
float load(reference::Half x) {
  return reference::to_float(x);
}
float load(reference::BFloat x) {
  float y;
  reference::to_float(&x, &y, 1);
  return y;
}
void store(float x, float& y) {
  y = x;
}
void store(double x, double& y) {
  y = x;
}
void store(float x, reference::Half& y) {
  y = reference::from_float(x);
}
void store(float x, reference::BFloat& y) {
  reference::from_float(&x, &y, 1);
}

template <class T, class Io>
void quantize_group(const FakeQuantArgs& args, std::int64_t g) {
  constexpr T kNaN = std::numeric_limits<T>::quiet_NaN();
  const auto n = args.group;
  const Io* source = static_cast<const Io*>(args.x) + g * n;
  std::vector<T> x(static_cast<std::size_t>(n));
  std::transform(source, source + n, x.begin(), [](Io v) { return load(v); });

  const bool finite = std::all_of(x.begin(), x.end(), [](T v) { return std::isfinite(v); });
  T lo = *std::min_element(x.begin(), x.end()) + T(0), hi = *std::max_element(x.begin(), x.end()) + T(0);
  const T top = std::max(std::abs(lo), std::abs(hi));
  const T p = args.ratio ? static_cast<T>(args.ratio[g]) : static_cast<T>(args.clip);
  const T last = static_cast<T>((1 << args.n_bits) - 1), half = static_cast<T>(1 << (args.n_bits - 1));
  if (args.grid == Grid::kInteger) {
    lo = std::min(lo, T(0));
    hi = std::max(hi, T(0));
  }
  T scale = 0;
  switch (args.grid) {
    case Grid::kSymmetric:
      scale = p * top / (half - 1);
      break;
    case Grid::kNoZero:
      scale = p * top / (half - T(0.5));
      break;
    case Grid::kInteger:
    case Grid::kReal:
      scale = (p * hi - p * lo) / last;
      break;
  }
  const bool usable = finite && std::isfinite(scale);
  const bool normal = scale >= std::numeric_limits<T>::min();
  if (!normal) scale = 0;
  const T inverse = normal ? 1 / scale : T(0);
  T zero = 0;
  switch (args.grid) {
    case Grid::kSymmetric:
      zero = half;
      break;
    case Grid::kNoZero:
      zero = half - T(0.5);
      break;
    case Grid::kInteger:
      zero = std::clamp(std::nearbyint(-(p * lo) * inverse) + T(0), T(0), last);
      break;
    case Grid::kReal:
      zero = normal ? p * lo : lo;
      break;
  }
  if (!usable) {
    scale = kNaN;
    zero = 0;
  }
  if (args.scale) static_cast<T*>(args.scale)[g] = scale;
  if (args.zero) static_cast<T*>(args.zero)[g] = zero;
  for (std::int64_t i = 0; i < n; ++i) {
    const T v = x[static_cast<std::size_t>(i)];
    T code = 0;
    switch (args.grid) {
      case Grid::kSymmetric:
      case Grid::kInteger:
        code = std::nearbyint(v * inverse) + zero;
        break;
      case Grid::kReal:
        code = std::nearbyint((v - zero) * inverse);
        break;
      case Grid::kNoZero:
        code = std::floor(v * inverse) + half;
        break;
    }
    code = usable ? std::clamp(code, T(0), last) : T(0);
    const T value = args.grid == Grid::kReal ? code * scale + zero : (code - zero) * scale;
    if (args.codes) args.codes[g * n + i] = static_cast<std::uint8_t>(code);
    if (args.out) store(usable ? value : kNaN, static_cast<Io*>(args.out)[g * n + i]);
  }
}

template <class T, class Io>
void quantize(const FakeQuantArgs& args) {
  const std::int64_t groups = args.rows * (args.width / args.group);
  for (std::int64_t g = 0; g < groups; ++g) quantize_group<T, Io>(args, g);
}

}  // namespace

int fake_quant_reference(const FakeQuantArgs& args, void*) {
  switch (args.dtype) {
    case DType::kF32:
      quantize<float, float>(args);
      break;
    case DType::kF64:
      quantize<double, double>(args);
      break;
    case DType::kF16:
      quantize<float, reference::Half>(args);
      break;
    case DType::kBF16:
      quantize<float, reference::BFloat>(args);
      break;
  }
  return 0;
}

}  // namespace gyre::kernels
