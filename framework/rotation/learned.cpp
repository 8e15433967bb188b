#include "rotation/learned.h"

#include <string>
#include <vector>

#include "core/error.h"
#include "core/seed.h"

namespace gyre {
namespace {

constexpr double kOrthogonal = 1e-10;

// The init as it is made in blocks: a scheme over all channels becomes its block-diagonal relative.
RotationSpec init_of(const RotationSpec& spec, bool blocks) {
  RotationSpec init = spec;
  init.scheme = spec.init;
  if (blocks && init.scheme == "hadamard") init.scheme = "local_hadamard";
  if (blocks && init.scheme == "sequency") init.scheme = "gsr";
  return init;
}

torch::Tensor block_diagonal(const torch::Tensor& blocks) {
  std::vector<torch::Tensor> parts;
  for (std::int64_t i = 0; i < blocks.size(0); ++i) parts.push_back(blocks[i]);
  return torch::block_diag(parts);
}

}  // namespace

LearnedRotation::LearnedRotation(std::int64_t size, torch::Tensor fixed, torch::Tensor start)
    : Rotation(size), fixed_(std::move(fixed)), blocks_(std::move(start)) {
  set_learned(blocks_);
}

void LearnedRotation::set_learned(const torch::Tensor& given) {
  GYRE_ASSERT(given.sizes() == blocks_.sizes() && given.size(0) * given.size(1) == size());
  const auto blocks = given.to(torch::kCPU, torch::kFloat64);
  const auto product = torch::matmul(blocks, blocks.transpose(1, 2));
  const double error = (product - torch::eye(blocks.size(1), torch::kFloat64)).abs().max().item<double>();
  GYRE_CHECK(
      error < kOrthogonal, ErrorCode::kRun,
      "a learned rotation of size {} is {:.3g} from orthogonal, expected below {:g}; its file is damaged "
      "or was not corrected",
      size(), error, kOrthogonal);
  blocks_ = blocks;
  const auto whole = blocks.size(0) == 1 ? blocks[0] : block_diagonal(blocks);
  matrix_ = fixed_.defined() ? torch::matmul(fixed_, whole) : whole;
}

std::shared_ptr<Rotation> make_learned(const RotationSpec& spec, std::int64_t size, std::uint64_t seed) {
  const bool whole = spec.block_size.is_auto();
  const auto block = whole ? size : resolve_size(spec.block_size, size, "block_size");
  const auto n = size / block;
  // A random init has no blocks of its own: each is drawn by its own name.
  torch::Tensor init, blocks;
  if (spec.init == "random" && !whole && !spec.keep_init) {
    std::vector<torch::Tensor> parts;
    for (std::int64_t i = 0; i < n; ++i)
      parts.push_back(
          make_rotation(init_of(spec, false), block, derive_seed(seed, "block" + std::to_string(i)))
              ->matrix());
    blocks = torch::stack(parts);
  } else {
    const auto rotation = make_rotation(init_of(spec, !whole && !spec.keep_init), size, seed);
    init = rotation->matrix();
  }
  if (spec.keep_init) {
    const auto identity = torch::eye(block, torch::kFloat64).expand({n, block, block}).contiguous();
    return std::make_shared<LearnedRotation>(size, init, identity);
  }
  if (!blocks.defined()) {
    std::vector<torch::Tensor> parts;
    for (std::int64_t i = 0; i < n; ++i)
      parts.push_back(init.narrow(0, i * block, block).narrow(1, i * block, block));
    blocks = torch::stack(parts);
  }
  return std::make_shared<LearnedRotation>(size, torch::Tensor(), blocks);
}

}  // namespace gyre
