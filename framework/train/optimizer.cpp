#include "train/optimizer.h"

#include <cmath>
#include <set>

#include "core/error.h"

namespace gyre {

AdamW::AdamW(std::vector<ParameterGroup> groups, const LoopSpec& spec)
    : groups_(std::move(groups)), spec_(spec) {
  std::set<std::string> names;
  for (const auto& group : groups_) {
    Moments moments;
    for (const auto& [name, parameter] : group.parameters) {
      GYRE_ASSERT(names.insert(name).second && parameter.is_leaf() && parameter.requires_grad());
      GYRE_ASSERT(parameter.is_contiguous());
      moments.mean.push_back(torch::zeros_like(parameter));
      moments.square.push_back(torch::zeros_like(parameter));
      moments.steps.push_back(torch::zeros({}, parameter.options().dtype(torch::kFloat32)));
    }
    moments_.push_back(std::move(moments));
  }
}

void AdamW::step(double factor, double scale) {
  const torch::NoGradGuard no_grad;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    // The fused update takes tensors of one dtype and one decay at a time.
    for (const bool decayed : {false, true})
      for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
        std::vector<torch::Tensor> parameters, gradients, mean, square, steps;
        for (std::size_t i = 0; i < groups_[g].parameters.size(); ++i) {
          auto& parameter = groups_[g].parameters[i].second;
          if (!parameter.grad().defined() || parameter.scalar_type() != dtype) continue;
          if ((parameter.dim() >= 2 && groups_[g].decays) != decayed) continue;
          parameters.push_back(parameter);
          gradients.push_back(parameter.grad().contiguous());
          mean.push_back(moments_[g].mean[i]);
          square.push_back(moments_[g].square[i]);
          steps.push_back(moments_[g].steps[i].add_(1));
        }
        if (parameters.empty()) continue;
        // The update divides by what it is given here, in the same pass.
        const auto divisor =
            scale == 1
                ? std::optional<torch::Tensor>()
                : std::optional(torch::full({}, 1 / scale, parameters[0].options().dtype(torch::kFloat32)));
        at::_fused_adamw_(parameters, gradients, mean, square, {}, steps, groups_[g].lr * factor, spec_.beta1,
                          spec_.beta2, decayed ? spec_.weight_decay : 0.0, spec_.epsilon, /*amsgrad=*/false,
                          /*maximize=*/false, divisor);
      }
    for (auto& [name, parameter] : groups_[g].parameters) parameter.mutable_grad() = torch::Tensor();
  }
}

double AdamW::gradient_norm() const {
  double sum = 0;
  for (const auto& group : groups_)
    for (const auto& [name, parameter] : group.parameters) {
      if (!parameter.grad().defined()) continue;
      const double norm =
          torch::linalg_vector_norm(parameter.grad(), 2, std::nullopt, false, std::nullopt).item<double>();
      sum += norm * norm;
    }
  return std::sqrt(sum);
}

std::vector<std::pair<std::string, torch::Tensor>> AdamW::state() const {
  std::vector<std::pair<std::string, torch::Tensor>> out;
  for (std::size_t g = 0; g < groups_.size(); ++g)
    for (std::size_t i = 0; i < groups_[g].parameters.size(); ++i) {
      const auto& [name, parameter] = groups_[g].parameters[i];
      out.emplace_back(name, parameter);
      out.emplace_back("adam/mean/" + name, moments_[g].mean[i]);
      out.emplace_back("adam/square/" + name, moments_[g].square[i]);
      out.emplace_back("adam/steps/" + name, moments_[g].steps[i]);
    }
  return out;
}

std::int64_t AdamW::n_parameters() const {
  std::int64_t n = 0;
  for (const auto& group : groups_)
    for (const auto& [name, parameter] : group.parameters) n += parameter.numel();
  return n;
}

double clip_factor(double norm, double limit) {
  return limit > 0 && norm > limit ? limit / norm : 1.0;
}

}  // namespace gyre
