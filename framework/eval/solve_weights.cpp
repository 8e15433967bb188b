#include "eval/solve_weights.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/error.h"
#include "quant/solver.h"

namespace gyre {
namespace {

class SolvingVisitor final : public InputVisitor {
 public:
  SolvingVisitor(const QuantPlan& plan, torch::Device device, const CodeObserver& on_codes,
                 std::int64_t n_places)
      : solver_(find_solver(plan.weight.solver)),
        spec_(plan.gptq),
        device_(device),
        on_codes_(on_codes),
        n_places_(n_places) {}

  void begin(const SharedInput& input) override {
    const auto dtype = spec_.hessian_dtype == "float64" ? torch::kFloat64 : torch::kFloat32;
    hessians_.emplace(&input, Hessian(input.size(), dtype, device_, n_places_));
  }
  void see(const SharedInput& input, const torch::Tensor& x) override { hessians_.at(&input).add(x); }
  void complete(const SharedInput& input) override {
    std::vector<SolverTask> tasks;
    std::vector<LinearRef> linears;
    for (const auto& ref : input.linears) {
      if (!ref.linear.weight_quantizer) continue;
      tasks.push_back({ref.linear.weight, ref.linear.weight_quantizer.get()});
      linears.push_back(ref);
    }
    // Solved where the weights are.
    const auto hessian = hessians_.at(&input).to(input.linears[0].linear.weight.device());
    auto solved = solver_.solve(tasks, hessian, spec_);
    for (std::size_t i = 0; i < solved.size(); ++i) {
      add(solved[i], linears[i].name());
      if (on_codes_ && solved[i].quantized) on_codes_(linears[i], *solved[i].quantized);
      linears[i].linear.weight = std::move(solved[i].weight);
      linears[i].linear.weight_quantizer = nullptr;
    }
    hessians_.erase(&input);
  }

  SolveSummary summary() const {
    SolveSummary result = sums_;
    const auto n = static_cast<double>(std::max<std::int64_t>(result.n_linears, 1));
    result.output_error /= n;
    result.nearest_error /= n;
    result.weight_error = energy_ > 0 ? result.weight_error / energy_ : 0;
    return result;
  }

 private:
  void add(const SolvedWeight& solved, const std::string& name) {
    ++sums_.n_linears;
    sums_.weight_error += solved.weight_error;
    energy_ += solved.weight_energy;
    // Inputs that are all zero have no output to err in.
    if (solved.output_energy != 0) {
      sums_.output_error += solved.output_error / solved.output_energy;
      sums_.nearest_error += solved.nearest_error / solved.output_energy;
    }
    sums_.largest_damping = std::max(sums_.largest_damping, solved.damping);
    if (solved.n_raises > 0) sums_.raised.push_back(name);
    if (solved.fell_back) sums_.fell_back.push_back(name);
  }

  const Solver& solver_;
  const GptqSpec& spec_;
  torch::Device device_;
  const CodeObserver& on_codes_;
  std::int64_t n_places_;
  std::map<const SharedInput*, Hessian> hessians_;
  SolveSummary sums_;
  double energy_ = 0;
};

}  // namespace

SolveSummary solve_weights(Llama& model, const QuantPlan& plan, const torch::Tensor& windows,
                           const WalkOptions& options, const CodeObserver& on_codes, std::int64_t n_places) {
  SolvingVisitor visitor(plan, options.device.value_or(model.device()), on_codes, n_places);
  if (plan.gptq.quantize_activations) attach_quantizers(model, plan);
  walk_inputs(model, windows, visitor, options);
  if (plan.gptq.quantize_activations) attach_quantizers(model, QuantPlan{});
  return visitor.summary();
}

}  // namespace gyre
