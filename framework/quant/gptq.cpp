// GPTQ (Frantar et al., ICLR 2023, algorithm 1): columns are rounded in order, and the error of each is moved
// onto the columns behind it so that the output changes least. With U from hessian.h and W the weight as it
// stands when column j is reached: e_j = (W_j - Q_j) / U_jj, W_k -= e_j U_jk for k > j.
//
// A group's levels are taken from its weights as they stand when the first of its columns is reached; errors
// that the present block has not passed on yet are counted in.
#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "quant/solver.h"

namespace gyre {

std::vector<SolvedWeight> solve_nearest(std::span<const SolverTask> tasks, const Hessian& hessian,
                                        const GptqSpec& spec);

namespace {

// Columns that the kernel takes at once; those before them in the block come in by one product.
constexpr std::int64_t kSegment = 64;

// Differences of the objective below this share may be rounding of float32 and are looked at in float64.
constexpr double kClose = 1e-3;

class ColumnSolver {
 public:
  ColumnSolver(const SolverTask& task, const InverseFactor& inverse, const torch::Tensor& order,
               std::int64_t group_size, std::int64_t block_size)
      : quantizer_(*task.quantizer),
        u_(inverse.factor),
        group_size_(group_size),
        block_size_(block_size),
        dtype_(task.weight.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32) {
    auto weight =
        task.weight.t().to(torch::kFloat64).masked_fill(inverse.dead.unsqueeze(1), 0.0);  // [in, out]
    weight_ = order.defined() ? weight.index_select(0, order) : weight.contiguous();
    const auto n = weight_.size(0);
    columns_ = (order.defined() ? order : torch::arange(n, torch::kInt64)).to(torch::kCPU).contiguous();
    positions_ = columns_.argsort();
    groups_.resize(static_cast<std::size_t>(n / group_size));
  }

  void run() {
    const auto n = weight_.size(0), out = weight_.size(1);
    values_ = torch::empty({n, out}, weight_.options().dtype(dtype_));
    codes_ = torch::empty({n, out}, weight_.options().dtype(torch::kUInt8));
    for (std::int64_t begin = 0; begin < n; begin += block_size_) {
      const auto end = std::min(begin + block_size_, n);
      solve_block(begin, end);
      squared_errors_ += errors_.square().sum().item<double>();
      const auto behind = n - end;
      if (behind > 0)
        weight_.narrow(0, end, behind).sub_(passed_on(begin, end, [&](const torch::Tensor& u) {
          return u.narrow(1, end, behind);
        }));
    }
  }

  // [out, in], columns in the weight's order.
  torch::Tensor values() const { return in_order(values_); }
  // Of a uniform grid.
  std::optional<QuantizedTensor> quantized(torch::ScalarType dtype) const {
    if (groups_[0].boundaries.defined()) return std::nullopt;
    QuantizedTensor q;
    q.codes = in_order(codes_);
    q.group_size = group_size_;
    q.dtype = dtype;
    std::vector<torch::Tensor> scales, zeros;
    for (const auto& group : groups_) {
      scales.push_back(group.scale);
      zeros.push_back(group.zero);
    }
    q.scale = torch::stack(scales, 1).to(codes_.device());
    (groups_[0].grid == kernels::Grid::kReal ? q.offset : q.zero_point) =
        torch::stack(zeros, 1).to(codes_.device());
    return q;
  }
  // (W - Q) (H + damping) (W - Q)^T, summed over rows, with dead columns of W at zero: the errors are W - Q
  // in the basis in which that is the identity.
  double damped_error() const { return squared_errors_; }

 private:
  void solve_block(std::int64_t begin, std::int64_t end) {
    errors_ = torch::zeros({end - begin, weight_.size(1)}, weight_.options());
    for (std::int64_t first = begin; first < end;) {
      if (!group_at(first).scale.defined() && !group_at(first).levels.defined()) fix_levels(begin, first);
      const auto last = segment_end(first, end), n = last - first;
      auto current = weight_.narrow(0, first, n);
      if (first > begin)
        current =
            current - passed_on(begin, first, [&](const torch::Tensor& u) { return u.narrow(1, first, n); });
      std::vector<const Levels*> levels;
      for (auto i = first; i < last; ++i) levels.push_back(&group_at(i));
      const auto solved = solve_columns(current, u_.narrow(0, first, n).narrow(1, first, n), levels);
      errors_.narrow(0, first - begin, n).copy_(solved.errors);
      values_.narrow(0, first, n).copy_(solved.values);
      codes_.narrow(0, first, n).copy_(solved.codes);
      first = last;
    }
  }

  // What the errors of columns begin..end-1 take from other columns, chosen from U's columns: [chosen, out].
  template <class Choose>
  torch::Tensor passed_on(std::int64_t begin, std::int64_t end, Choose choose) const {
    return at::mm(choose(u_.narrow(0, begin, end - begin)).t(), errors_.narrow(0, 0, end - begin));
  }

  void fix_levels(std::int64_t begin, std::int64_t first) {
    const auto group = columns_.const_data_ptr<std::int64_t>()[first] / group_size_;
    const auto members = positions_.narrow(0, group * group_size_, group_size_).to(weight_.device());
    auto current = weight_.index_select(0, members);
    if (first > begin)
      current -= passed_on(begin, first, [&](const torch::Tensor& u) { return u.index_select(1, members); });
    groups_[static_cast<std::size_t>(group)] = quantizer_.levels(current.t().to(dtype_).contiguous());
  }

  // Ends before the next column whose group has no levels yet.
  std::int64_t segment_end(std::int64_t first, std::int64_t end) {
    auto last = first + 1;
    while (last < end && last - first < kSegment &&
           (group_at(last).scale.defined() || group_at(last).levels.defined()))
      ++last;
    return last;
  }

  Levels& group_at(std::int64_t position) {
    return groups_[static_cast<std::size_t>(columns_.const_data_ptr<std::int64_t>()[position] / group_size_)];
  }

  torch::Tensor in_order(const torch::Tensor& rows) const {
    return rows.index_select(0, positions_.to(rows.device())).t().contiguous();
  }

  const Quantizer& quantizer_;
  torch::Tensor u_;  // [in, in]
  torch::Tensor
      weight_;  // float64 [in, out], rows in the order of visits; behind the present block up to date
  std::int64_t group_size_, block_size_;
  torch::ScalarType dtype_;
  torch::Tensor columns_, positions_;  // int64 [in], CPU: the column at a position, the position of a column
  std::vector<Levels> groups_;
  torch::Tensor errors_, values_, codes_;
  double squared_errors_ = 0;
};

double squared_norm(const torch::Tensor& x) {
  return x.square().sum().item<double>();
}

// Replaces nearest's result by GPTQ's where that is no worse on H.
void improve(SolvedWeight& result, const SolverTask& task, const torch::Tensor& h,
             const InverseFactor& inverse, ColumnSolver& solver) {
  const auto values = solver.values();
  const auto given = task.weight.to(torch::kFloat64);
  const auto difference = given - values;
  const auto dead = inverse.dead.to(torch::kFloat64);
  // From the damped error to that on H. Dead channels have a diagonal of 1 there and 0 here.
  const auto from_zero = difference - given * dead;
  double error =
      solver.damped_error() - inverse.added * squared_norm(from_zero) - squared_norm(from_zero * dead);
  double nearest = result.nearest_error;
  if (std::abs(error - nearest) <= kClose * nearest) {
    const auto wide = h.to(torch::kFloat64);
    error = output_error(difference, wide);
    nearest = output_error(given - result.weight, wide);
  }
  if (!(error <= nearest)) {  // NaN too
    result.fell_back = true;
    return;
  }
  result.output_error = std::max(error, 0.0);
  result.weight_error = squared_norm(difference);
  result.quantized = solver.quantized(task.weight.scalar_type());
  result.weight = values.to(task.weight.scalar_type());
}

}  // namespace

std::vector<SolvedWeight> solve_gptq(std::span<const SolverTask> tasks, const Hessian& hessian,
                                     const GptqSpec& spec) {
  const torch::NoGradGuard no_grad;
  auto results = solve_nearest(tasks, hessian, spec);
  const auto h = hessian.matrix();
  const auto order = spec.act_order ? h.diagonal().argsort(/*stable=*/true, /*dim=*/0, /*descending=*/true)
                                    : torch::Tensor{};
  const auto inverse = factor_inverse(h, hessian.n_distinct(), spec.damping, order);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    results[i].damping = inverse.damping;
    results[i].n_raises = inverse.n_raises;
    if (!inverse.factor.defined()) {
      results[i].fell_back = true;
      continue;
    }
    ColumnSolver solver(tasks[i], inverse, order, results[i].quantized->group_size, spec.block_size);
    solver.run();
    improve(results[i], tasks[i], h, inverse, solver);
  }
  return results;
}

}  // namespace gyre
