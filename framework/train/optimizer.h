// AdamW (Loshchilov and Hutter, 2019) over named groups of parameters, in one pass over memory.
#pragma once

#include <torch/torch.h>

#include <string>
#include <utility>
#include <vector>

#include "spec/train.h"

namespace gyre {

// Parameters that share a peak learning rate. Tensors are leaves that require gradients; names are unique
// over all groups.
struct ParameterGroup {
  std::string name;  // "weights"
  double lr = 0;
  bool decays = false;  // weight_decay applies to its tensors of two and more dimensions
  std::vector<std::pair<std::string, torch::Tensor>> parameters;
};

class AdamW {
 public:
  AdamW(std::vector<ParameterGroup> groups, const LoopSpec& spec);

  // One update with every group's rate times `factor`, of the gradients in the parameters' grad() times
  // `scale` (1 / what they are to be divided by); gradients are left undefined after it. A parameter without
  // gradient stays as it is.
  void step(double factor, double scale = 1);

  // The Euclidean norm of all gradients together, float64; not finite where one is not.
  double gradient_norm() const;

  // Everything that the next step depends on, by name: parameters under their own, "adam/mean/NAME",
  // "adam/square/NAME", "adam/steps/NAME". The tensors are the live ones, not copies.
  std::vector<std::pair<std::string, torch::Tensor>> state() const;

  const std::vector<ParameterGroup>& groups() const { return groups_; }
  std::int64_t n_parameters() const;

 private:
  struct Moments {
    std::vector<torch::Tensor> mean, square, steps;
  };
  std::vector<ParameterGroup> groups_;
  std::vector<Moments> moments_;  // a group each
  LoopSpec spec_;
};

// What gradients are to be multiplied with so that their norm is at most `limit`; 1 where it is, or where
// limit is 0.
double clip_factor(double norm, double limit);

}  // namespace gyre
