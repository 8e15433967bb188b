#include "train/recompute.h"

#include "core/error.h"

namespace gyre {
namespace {

using Part = std::function<torch::Tensor(const torch::Tensor&)>;

struct SavedPart : torch::CustomClassHolder {
  explicit SavedPart(Part given) : part(std::move(given)) {}
  Part part;
};

struct Recomputed : torch::autograd::Function<Recomputed> {
  // With gradients on, though the graph is dropped: operations choose their arithmetic by it, and both passes
  // must round alike.
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               const Part& part) {
    context->save_for_backward({x});
    context->saved_data["part"] = c10::IValue::make_capsule(c10::make_intrusive<SavedPart>(part));
    const torch::AutoGradMode on(true);
    return part(x.detach().requires_grad_()).detach();
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto capsule = context->saved_data.at("part").toCapsule();
    const auto& part = static_cast<const SavedPart&>(*capsule).part;
    const torch::AutoGradMode on(true);
    const auto x = context->get_saved_variables()[0].detach().requires_grad_();
    torch::autograd::backward({part(x)}, {gradients[0]});
    return {x.grad(), {}};
  }
};

}  // namespace

torch::Tensor recomputed(const Part& part, const torch::Tensor& x) {
  GYRE_ASSERT(x.requires_grad());
  return Recomputed::apply(x, part);
}

}  // namespace gyre
