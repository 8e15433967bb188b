#include "ops/solve_columns.h"

#include <vector>

#include "core/error.h"

namespace gyre {

SolvedColumns solve_columns(const torch::Tensor& weight, const torch::Tensor& factor,
                            std::span<const Levels* const> levels) {
  const auto columns = weight.size(0), rows = weight.size(1);
  GYRE_ASSERT(weight.scalar_type() == torch::kFloat64 && factor.scalar_type() == torch::kFloat64);
  GYRE_ASSERT(factor.size(0) == columns && factor.size(1) == columns && std::ssize(levels) == columns &&
              columns > 0);
  const Levels& first = *levels[0];
  const bool table = first.boundaries.defined();
  const auto dtype = (table ? first.levels : first.scale).scalar_type();
  const auto at = [&](const torch::Tensor& t, std::int64_t n) {
    GYRE_ASSERT(t.is_cpu() && t.is_contiguous() && t.scalar_type() == dtype && t.numel() == n * rows);
    return t.const_data_ptr();
  };

  const auto w = weight.to(torch::kCPU).contiguous();
  const auto u = factor.to(torch::kCPU);
  GYRE_ASSERT(u.stride(1) == 1);
  SolvedColumns solved{torch::empty({columns, rows}, dtype), torch::empty({columns, rows}, torch::kUInt8),
                       torch::empty({columns, rows}, torch::kFloat64)};
  kernels::SolveColumnsArgs args{};
  args.columns = columns;
  args.rows = rows;
  args.weight = w.const_data_ptr<double>();
  args.factor = u.const_data_ptr<double>();
  args.factor_stride = u.stride(0);
  args.dtype = dtype == torch::kFloat64 ? kernels::DType::kF64 : kernels::DType::kF32;
  args.grid = first.grid;
  args.n_bits = first.n_bits;
  std::vector<const void*> lower, upper;  // scale and zero, or levels and boundaries
  for (const Levels* group : levels) {
    GYRE_ASSERT(group->grid == first.grid && group->n_bits == first.n_bits &&
                group->boundaries.defined() == table);
    const auto n = table ? group->levels.size(0) : 1;
    lower.push_back(table ? at(group->levels, n) : at(group->scale, 1));
    upper.push_back(table ? at(group->boundaries, n - 1) : at(group->zero, 1));
  }
  (table ? args.levels : args.scale) = lower.data();
  (table ? args.boundaries : args.zero) = upper.data();
  args.n_levels = table ? static_cast<int>(first.levels.size(0)) : 0;
  args.errors = solved.errors.mutable_data_ptr<double>();
  args.values = solved.values.mutable_data_ptr();
  args.codes = solved.codes.mutable_data_ptr<std::uint8_t>();
  GYRE_CHECK(kernels::solve_columns(args) == 0, ErrorCode::kResource, "out of memory while solving a weight");
  for (auto* t : {&solved.values, &solved.codes, &solved.errors}) *t = t->to(weight.device());
  return solved;
}

}  // namespace gyre
