#include "train/learn_rotation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "core/error.h"
#include "core/progress.h"
#include "core/seed.h"
#include "rotation/learned.h"
#include "train/cayley.h"
#include "train/schedule.h"
#include "train/state_file.h"

namespace gyre {
namespace {

using Clock = std::chrono::steady_clock;

// Beyond it, rotations are none: float32 keeps it below 1e-4 as long as steps converge.
constexpr double kLostOrthogonality = 1e-2;
// How often SpinQuant's code orthonormalizes a matrix before a step.
constexpr std::uint64_t kOneIn = 101;

LearnedRotation* learned(const std::shared_ptr<Rotation>& rotation) {
  return dynamic_cast<LearnedRotation*>(rotation.get());
}

// What is fused before learning: the rotations that are not learned, and the fixed factors of those that are.
std::shared_ptr<Rotation> fixed_part(const std::shared_ptr<Rotation>& rotation) {
  const auto* mine = learned(rotation);
  return mine && !mine->fixed().defined() ? nullptr : rotation;
}

torch::Tensor stacked_blocks(const std::vector<std::shared_ptr<Rotation>>& rotations) {
  std::vector<torch::Tensor> blocks;
  for (const auto& rotation : rotations)
    if (const auto* mine = learned(rotation)) blocks.push_back(mine->blocks());
  return blocks.empty() ? torch::Tensor() : torch::stack(blocks);
}

Retraction retraction_of(const std::string& name) {
  if (name == "exact") return Retraction::kExact;
  return name == "qr" ? Retraction::kQr : Retraction::kFixedPoint;
}

double squared(const torch::Tensor& t) {
  return t.defined() ? t.to(torch::kFloat64).square().sum().item<double>() : 0;
}

class Learner {
 public:
  Learner(const LearnTask& task, const LearnOptions& options)
      : task_(task), options_(options), objective_(find_rotation_objective(task.spec.objective)) {
    GYRE_CHECK(!objective_.reads_text || task.windows, ErrorCode::kConfig,
               "learn.objective is '{}', which reads text, but there is none", objective_.name);
    prepare();
  }

  LearnResult run() {
    resume();
    const auto& loop = task_.spec.loop;
    Progress progress(options_.label + ": learn rotations", loop.steps - result_.steps, "steps");
    const auto begin = Clock::now();
    while (result_.steps < loop.steps && !result_.diverged) {
      step();
      result_.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
      progress.advance(1, fmt::format("loss {:.4f}", result_.losses.back()));
      if (!result_.diverged && (result_.steps % task_.spec.save_every == 0 || result_.steps == loop.steps))
        save();
    }
    report();
    finish();
    return result_;
  }

 private:
  void prepare() {
    auto rotations = make_rotations(task_.rotations, task_.folded->config, task_.seed);
    const auto dtype = task_.spec.dtype == "float64" ? torch::kFloat64 : torch::kFloat32;
    const auto device = task_.folded->device();
    const auto start = [&](const torch::Tensor& blocks) {
      return blocks.defined() ? blocks.to(device, dtype).clone() : blocks;
    };
    if (const auto* r1 = learned(rotations.r1)) parameters_.r1 = start(r1->blocks());
    parameters_.r2 = start(stacked_blocks(rotations.r2));
    Rotations fused{fixed_part(rotations.r1), {}, nullptr, nullptr, nullptr};
    if (!rotations.r2.empty() && fixed_part(rotations.r2[0])) fused.r2 = rotations.r2;
    frozen_ = task_.folded->shallow_copy();
    fuse_rotations(frozen_, fused);
    install_online(frozen_, {nullptr, {}, rotations.across_heads, rotations.r3, rotations.r4});
    frozen_.replica = 0;
    quantized_ = quantize_slots(frozen_, task_.quant, task_.spec.clipped == "pass");
  }

  std::vector<torch::Tensor> windows(std::int64_t step) const {
    std::vector<torch::Tensor> out;
    if (!objective_.reads_text) return out;
    const auto& loop = task_.spec.loop;
    for (std::int64_t pass = 0; pass < loop.accumulation; ++pass)
      out.push_back(task_.windows->at((step * loop.accumulation + pass) * loop.batch, loop.batch));
    return out;
  }

  void step() {
    auto at = gradient();
    const auto& loop = task_.spec.loop;
    const double norm = std::sqrt(squared(at.gradient.r1) + squared(at.gradient.r2));
    const double rate = loop.lr * lr_factor(loop, result_.steps);
    result_.losses.push_back(at.loss);
    point("loss", at.loss);
    point("grad_norm", norm);
    point("lr", rate);
    if (!std::isfinite(at.loss) || !std::isfinite(norm))
      return diverge(fmt::format("loss {} and gradient norm {}", at.loss, norm));
    const double scale = clip_factor(norm, loop.grad_clip);
    RotationParameters next{moved(parameters_.r1, at.gradient.r1 * scale, "r1", rate, moments_[0]),
                            moved_r2(at.gradient.r2, scale, rate)};
    const double error = worst(next);
    point("orthogonality", error);
    if (!(error < kLostOrthogonality))
      return diverge(fmt::format("the step leaves the rotations {:.3g} from orthogonal", error));
    parameters_ = next;
    ++result_.steps;
  }

  RotationGradient gradient() try {
    return rotation_gradient(frozen_, quantized_, parameters_, windows(result_.steps), objective_,
                             options_.on_piece);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInterrupted && result_.steps > saved_at_) save();
    throw;
  }

  torch::Tensor moved_r2(const torch::Tensor& gradient, double scale, double rate) {
    if (!parameters_.r2.defined()) return {};
    return moved(parameters_.r2.flatten(0, 1), gradient.flatten(0, 1) * scale, "r2", rate, moments_[1])
        .view(parameters_.r2.sizes());
  }

  torch::Tensor moved(torch::Tensor r, const torch::Tensor& gradient, const char* site, double rate,
                      CayleyMoments& moments) const {
    if (!r.defined()) return r;
    const auto& spec = task_.spec;
    CayleyOptions options;
    options.retraction = retraction_of(spec.retraction);
    options.step_bound = spec.step_bound;
    options.beta1 = spec.loop.beta1;
    options.beta2 = spec.loop.beta2;
    options.epsilon = spec.loop.epsilon;
    Rng rng(derive_seed(static_cast<std::uint64_t>(task_.seed),
                        fmt::format("learn/retract/{}/step{}", site, result_.steps)));
    if (rng.below(kOneIn) == 0) r = qr_retract(r);
    return spec.optimizer == "adam" ? cayley_adam_step(r, gradient, rate, moments, options)
                                    : cayley_sgd_step(r, gradient, rate, options);
  }

  static double worst(const RotationParameters& at) {
    double error = 0;
    if (at.r1.defined()) error = std::max(error, orthogonality_error(at.r1));
    if (at.r2.defined()) error = std::max(error, orthogonality_error(at.r2.flatten(0, 1)));
    return error;
  }

  void diverge(std::string reason) {
    result_.diverged = true;
    result_.reason = std::move(reason);
  }

  void finish() {
    result_.orthogonality_error = worst(parameters_);
    if (result_.diverged) return;
    result_.loss_after =
        rotation_loss(frozen_, quantized_, parameters_, windows(0), objective_, options_.on_piece);
    if (parameters_.r1.defined()) result_.factors.r1 = orthonormalized(parameters_.r1).cpu();
    if (parameters_.r2.defined())
      result_.factors.r2 = orthonormalized(parameters_.r2.flatten(0, 1)).view(parameters_.r2.sizes()).cpu();
  }

  // --- The state

  // All that the next step depends on. Moments exist from the first step on, so that they are made here.
  NamedTensors state() {
    NamedTensors tensors;
    const auto add = [&](const std::string& name, const torch::Tensor& r, CayleyMoments& moments) {
      if (!r.defined()) return;
      tensors.emplace_back(name, r);
      if (task_.spec.optimizer != "adam") return;
      if (!moments.momentum.defined()) {
        const auto n = r.numel() / (r.size(-1) * r.size(-1));
        moments.momentum = torch::zeros({n, r.size(-1), r.size(-1)}, r.options());
        moments.square = torch::zeros({n, 1, 1}, r.options());
      }
      tensors.emplace_back(name + "/momentum", moments.momentum);
      tensors.emplace_back(name + "/square", moments.square);
    };
    add("r1", parameters_.r1, moments_[0]);
    add("r2", parameters_.r2, moments_[1]);
    tensors.emplace_back("losses", torch::tensor(result_.losses, torch::kFloat64));
    tensors.emplace_back("points", torch::tensor(values_, torch::kFloat64));
    return tensors;
  }

  void save() {
    report();
    if (options_.state.empty()) return;
    try {
      save_state(options_.state, state(), options_.fingerprint);
      saved_at_ = result_.steps;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kResource) throw;
      log_warning(fmt::format("{}: the state after step {} could not be saved: {}", options_.label,
                              result_.steps, error.what()));
    }
  }

  void resume() {
    if (options_.state.empty()) return;
    auto tensors = state();
    if (!load_state(options_.state, tensors, options_.fingerprint, {"losses", "points"})) return;
    const auto numbers = [](const torch::Tensor& t) {
      return std::vector<double>(t.const_data_ptr<double>(), t.const_data_ptr<double>() + t.numel());
    };
    result_.losses = numbers(tensors[tensors.size() - 2].second);
    const auto values = numbers(tensors.back().second);
    const auto steps = std::ssize(result_.losses);
    GYRE_CHECK(steps <= task_.spec.loop.steps && values.size() == result_.losses.size() * std::size(kPoints),
               ErrorCode::kInput, "{}: {} losses and {} points for {} steps of learning; the file is damaged",
               options_.state.string(), steps, values.size(), task_.spec.loop.steps);
    result_.steps = result_.resumed_at = saved_at_ = steps;
    for (auto& moments : moments_) moments.step = steps;
    for (std::int64_t i = 0; i < std::ssize(values); ++i)
      add_point(kPoints[i % std::ssize(kPoints)], i / std::ssize(kPoints),
                values[static_cast<std::size_t>(i)]);
    log_info(fmt::format("{}: learning goes on after step {} of {}", options_.label, steps,
                         task_.spec.loop.steps));
  }

  static constexpr std::array<const char*, 4> kPoints{"loss", "grad_norm", "lr", "orthogonality"};

  void point(const char* name, double value) { add_point(name, result_.steps, value); }
  void add_point(const char* name, std::int64_t step, double value) {
    values_.push_back(value);
    points_.push_back({name, step, value});
  }

  void report() {
    if (options_.on_points && !points_.empty()) options_.on_points(points_);
    points_.clear();
  }

  const LearnTask& task_;
  const LearnOptions& options_;
  const RotationObjective& objective_;
  Llama frozen_, quantized_;
  RotationParameters parameters_;
  CayleyMoments moments_[2];
  LearnResult result_;
  std::vector<TrainPoint> points_;  // not reported yet
  std::vector<double> values_;      // kPoints of each step, for the state
  std::int64_t saved_at_ = 0;
};

}  // namespace

LearnResult learn_rotations(const LearnTask& task, const LearnOptions& options) {
  return Learner(task, options).run();
}

void apply_factors(Rotations& rotations, const LearnedFactors& factors) {
  if (factors.r1.defined()) {
    auto* r1 = learned(rotations.r1);
    GYRE_ASSERT(r1 != nullptr);
    r1->set_learned(factors.r1);
  }
  if (!factors.r2.defined()) return;
  GYRE_ASSERT(factors.r2.size(0) == std::ssize(rotations.r2));
  for (std::size_t i = 0; i < rotations.r2.size(); ++i) {
    auto* r2 = learned(rotations.r2[i]);
    GYRE_ASSERT(r2 != nullptr);
    r2->set_learned(factors.r2[static_cast<std::int64_t>(i)]);
  }
}

}  // namespace gyre
