#include "eval/input_maxima.h"

#include "core/error.h"

namespace gyre {
namespace {

class MaximaVisitor final : public InputVisitor {
 public:
  explicit MaximaVisitor(std::size_t n_layers) : maxima(n_layers) {}
  void begin(const SharedInput& input) override {
    slot(input) = torch::zeros({input.size()}, torch::kFloat64);
  }
  void see(const SharedInput& input, const torch::Tensor& x) override {
    slot(input) =
        torch::maximum(slot(input), x.flatten(0, -2).abs().amax(0).to(torch::kCPU, torch::kFloat64));
  }
  void complete(const SharedInput&) override {}

  std::vector<InputMaxima> maxima;

 private:
  torch::Tensor& slot(const SharedInput& input) {
    auto& layer = maxima[static_cast<std::size_t>(input.layer)];
    switch (input.linears[0].role) {
      case LinearRole::kQ:
      case LinearRole::kK:
      case LinearRole::kV:
        return layer.attention;
      case LinearRole::kO:
        return layer.o;
      case LinearRole::kGate:
      case LinearRole::kUp:
        return layer.mlp;
      default:
        return layer.down;
    }
  }
};

}  // namespace

std::vector<InputMaxima> input_maxima(Llama& model, const torch::Tensor& windows,
                                      const WalkOptions& options) {
  MaximaVisitor visitor(model.blocks.size());
  walk_inputs(model, windows, visitor, options);
  return std::move(visitor.maxima);
}

}  // namespace gyre
