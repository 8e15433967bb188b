// The table of solvers, and nearest. A new one: its file, its declaration and its row here; the setting
// quant.weight.solver names it (spec/run.h).
#include "quant/solver.h"

#include <array>
#include <string>

#include "core/error.h"
#include "core/text.h"

namespace gyre {

std::vector<SolvedWeight> solve_gptq(std::span<const SolverTask> tasks, const Hessian& hessian,
                                     const GptqSpec& spec);

namespace {

double squared_norm(const torch::Tensor& x) {
  return x.square().sum(torch::kFloat64).item<double>();
}

}  // namespace

std::vector<SolvedWeight> solve_nearest(std::span<const SolverTask> tasks, const Hessian& hessian,
                                        const GptqSpec&) {
  const torch::NoGradGuard no_grad;
  const auto h = hessian.matrix();
  std::vector<SolvedWeight> results;
  for (const auto& [weight, quantizer] : tasks) {
    SolvedWeight result;
    result.quantized = quantizer->quantize(weight);
    result.weight = dequantize(*result.quantized);
    const auto difference = weight - result.weight;
    result.output_error = result.nearest_error = output_error(difference, h);
    result.output_energy = output_error(weight, h);
    result.weight_error = squared_norm(difference);
    result.weight_energy = squared_norm(weight);
    results.push_back(std::move(result));
  }
  return results;
}

namespace {

constexpr std::array kSolvers{
    Solver{"nearest", "each weight to the nearest level", false, solve_nearest},
    Solver{"gptq",
           "column by column, each column's error moved onto those behind it by the inputs' second moments",
           true, solve_gptq},
};

}  // namespace

std::span<const Solver> solvers() {
  return kSolvers;
}

const Solver& find_solver(std::string_view name) {
  std::vector<std::string> names;
  for (const auto& solver : kSolvers) {
    if (solver.name == name) return solver;
    names.emplace_back(solver.name);
  }
  fail(ErrorCode::kConfig, "unknown solver '{}'{}", name, suggestion(std::string(name), names));
}

double output_error(const torch::Tensor& difference, const torch::Tensor& h) {
  const auto d = difference.to(h.scalar_type());
  return at::mm(d, h).mul_(d).sum(torch::kFloat64).item<double>();
}

}  // namespace gyre
