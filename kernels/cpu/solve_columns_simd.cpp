// The loop of kernels/solve_columns.h over tiles of rows, whose errors stay in the cache while all columns
// pass.
#include "kernels/cpu/solve_columns_simd.h"

#include <cstring>

#include "kernels/cpu/grid_simd.h"

namespace gyre::kernels::GYRE_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int kBytes = 64;
#elif defined(__AVX2__)
constexpr int kBytes = 32;
#else
constexpr int kBytes = 16;
#endif
constexpr int kPerVector = kBytes / 8, kVectors = 8, kStep = kPerVector * kVectors;
static_assert(kSolveTile % kStep == 0);
typedef double Doubles __attribute__((vector_size(kBytes)));

// The tile's rows first .. first + n - 1, padded with zeros: a group with scale 0 gives finite values.
template <class T>
struct Tile {
  std::int64_t first, n;
  double current[kSolveTile];
  T values[kSolveTile];
  std::uint8_t codes[kSolveTile];

  template <class V>
  void load(V* to, const void* from, std::int64_t row) const {
    const V* source = static_cast<const V*>(from) + row + first;
    std::memcpy(to, source, static_cast<std::size_t>(n) * sizeof(V));
    for (std::int64_t r = n; r < kSolveTile; ++r) to[r] = V(0);
  }
};

// current -= sum of u_i errors_i over the columns before j.
template <class T>
void subtract_errors(const SolveColumnsArgs& args, std::int64_t j, const double* errors, Tile<T>& tile) {
  for (std::int64_t start = 0; start < tile.n; start += kStep) {
    Doubles sums[kVectors];
    std::memcpy(sums, tile.current + start, sizeof sums);
    for (std::int64_t i = 0; i < j; ++i) {
      const double u = args.factor[i * args.factor_stride + j];
      const double* from = errors + i * kSolveTile + start;
#pragma GCC unroll 8
      for (int k = 0; k < kVectors; ++k) {
        Doubles e;
        std::memcpy(&e, from + k * kPerVector, sizeof e);
        sums[k] -= u * e;
      }
    }
    std::memcpy(tile.current + start, sums, sizeof sums);
  }
}

template <Grid G, class T>
struct Uniform {
  static void round(const SolveColumnsArgs& args, std::int64_t j, Tile<T>& tile) {
    T scale[kSolveTile], zero[kSolveTile];
    tile.load(scale, args.scale[j], 0);
    tile.load(zero, args.zero[j], 0);
    const T last = static_cast<T>((1 << args.n_bits) - 1), half = (last + 1) / 2;
    for (std::int64_t r = 0; r < kSolveTile; ++r) {
      const T inverse = scale[r] >= std::numeric_limits<T>::min() ? T(1) / scale[r] : T(0);
      GroupGrid<T> grid{scale[r], inverse, -half, half - 1, T(0), zero[r], half};
      if constexpr (G == Grid::kInteger) {
        grid.low = -zero[r];
        grid.high = last - zero[r];
        grid.code_base = zero[r];
      }
      if constexpr (G == Grid::kReal) {
        grid.low = grid.code_base = T(0);
        grid.high = last;
        grid.offset = zero[r];
      }
      const T q = level<G>(static_cast<T>(tile.current[r]), grid);
      tile.values[r] = level_value<G>(q, grid);
      tile.codes[r] = static_cast<std::uint8_t>(static_cast<int>(q + grid.code_base));
    }
  }
};

template <class T>
struct Table {
  static void round(const SolveColumnsArgs& args, std::int64_t j, Tile<T>& tile) {
    T next[kSolveTile], edge[kSolveTile];
    tile.load(tile.values, args.levels[j], 0);
    std::memset(tile.codes, 0, sizeof tile.codes);
    for (int k = 1; k < args.n_levels; ++k) {
      tile.load(next, args.levels[j], k * args.rows);
      tile.load(edge, args.boundaries[j], (k - 1) * args.rows);
      for (std::int64_t r = 0; r < kSolveTile; ++r) {
        const bool beyond = edge[r] <= static_cast<T>(tile.current[r]);
        tile.values[r] = beyond ? next[r] : tile.values[r];
        tile.codes[r] = beyond ? static_cast<std::uint8_t>(k) : tile.codes[r];
      }
    }
  }
};

template <class Levels, class T>
void solve_rows(const SolveColumnsArgs& args, std::int64_t begin, std::int64_t end, double* errors) {
  Tile<T> tile{};
  for (tile.first = begin; tile.first < end; tile.first += kSolveTile) {
    tile.n = end - tile.first < kSolveTile ? end - tile.first : kSolveTile;
    const auto n = static_cast<std::size_t>(tile.n);
    for (std::int64_t j = 0; j < args.columns; ++j) {
      tile.load(tile.current, args.weight, j * args.rows);
      subtract_errors(args, j, errors, tile);
      Levels::round(args, j, tile);
      const double pivot = args.factor[j * args.factor_stride + j];
      double* error = errors + j * kSolveTile;
      for (std::int64_t r = 0; r < kSolveTile; ++r)
        error[r] = (tile.current[r] - static_cast<double>(tile.values[r])) / pivot;
      const std::int64_t at = j * args.rows + tile.first;
      std::memcpy(args.errors + at, error, n * sizeof(double));
      std::memcpy(static_cast<T*>(args.values) + at, tile.values, n * sizeof(T));
      std::memcpy(args.codes + at, tile.codes, n);
    }
  }
}

template <class T>
void with_levels(const SolveColumnsArgs& args, std::int64_t begin, std::int64_t end, double* scratch) {
  if (args.boundaries) return solve_rows<Table<T>, T>(args, begin, end, scratch);
  switch (args.grid) {
    case Grid::kSymmetric:
      return solve_rows<Uniform<Grid::kSymmetric, T>, T>(args, begin, end, scratch);
    case Grid::kInteger:
      return solve_rows<Uniform<Grid::kInteger, T>, T>(args, begin, end, scratch);
    case Grid::kReal:
      return solve_rows<Uniform<Grid::kReal, T>, T>(args, begin, end, scratch);
    case Grid::kNoZero:
      return solve_rows<Uniform<Grid::kNoZero, T>, T>(args, begin, end, scratch);
  }
}

}  // namespace

void solve_columns(const SolveColumnsArgs& args, std::int64_t begin, std::int64_t end, double* scratch) {
  if (args.dtype == DType::kF64)
    with_levels<double>(args, begin, end, scratch);
  else
    with_levels<float>(args, begin, end, scratch);
}

}  // namespace gyre::kernels::GYRE_ISA
