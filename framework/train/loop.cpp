#include "train/loop.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>

#include "core/error.h"
#include "core/progress.h"
#include "train/schedule.h"
#include "train/state_file.h"

namespace gyre {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class Loop {
 public:
  Loop(const LoopSpec& spec, const TokenWindows& windows, const LoopTask& task, const LoopOptions& options)
      : spec_(spec), windows_(windows), task_(task), options_(options), adam_(task.groups, spec) {}

  LoopResult run() {
    resume();
    Progress progress(options_.label + ": train", spec_.steps - result_.steps, "steps");
    const auto begin = Clock::now();
    while (result_.steps < spec_.steps && !result_.diverged) {
      check_step();
      step();
      result_.seconds = seconds_since(begin);
      progress.advance(1, note());
      if (!result_.diverged && save_is_due()) save();
    }
    report();
    return result_;
  }

 private:
  void step() {
    const double factor = lr_factor(spec_, result_.steps);
    const double share = 1.0 / static_cast<double>(spec_.accumulation);
    double loss = 0;
    for (std::int64_t pass = 0; pass < spec_.accumulation; ++pass) {
      const auto position = (result_.steps * spec_.accumulation + pass) * spec_.batch;
      loss += share * task_.accumulate({windows_.at(position, spec_.batch), position}, share);
    }
    const double norm = adam_.gradient_norm();
    result_.losses.push_back(loss);
    result_.norms.push_back(norm);
    lr_ = task_.groups.front().lr * factor;
    points_.push_back({"loss", result_.steps, loss});
    points_.push_back({"lr", result_.steps, lr_});
    points_.push_back({"grad_norm", result_.steps, norm});
    if (!std::isfinite(loss) || !std::isfinite(norm)) {
      result_.diverged = true;
      return;
    }
    adam_.step(factor, clip_factor(norm, spec_.grad_clip));
    if (task_.after_step) task_.after_step();
    ++result_.steps;
  }

  // An interruption saves what there is.
  void check_step() try {
    if (options_.on_step) options_.on_step();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInterrupted && result_.steps > saved_at_) save();
    throw;
  }

  bool save_is_due() const {
    return options_.checkpoint_every > 0 &&
           (result_.steps % options_.checkpoint_every == 0 || result_.steps == spec_.steps);
  }

  NamedTensors state() const {
    NamedTensors tensors = adam_.state();
    tensors.emplace_back("loop/losses", torch::tensor(result_.losses, torch::kFloat64));
    tensors.emplace_back("loop/norms", torch::tensor(result_.norms, torch::kFloat64));
    return tensors;
  }

  void save() {
    report();
    if (options_.checkpoint.empty()) return;
    try {
      save_state(options_.checkpoint, state(), options_.fingerprint);
      saved_at_ = result_.steps;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kResource) throw;
      log_warning(fmt::format("{}: the state after step {} could not be saved: {}. {}", options_.label,
                              result_.steps, error.what(),
                              saved_at_ > 0 ? fmt::format("The one after step {} stays", saved_at_)
                                            : std::string("There is none before it")));
    }
  }

  void resume() {
    if (options_.checkpoint.empty()) return;
    auto tensors = state();
    if (!load_state(options_.checkpoint, tensors, options_.fingerprint, {"loop/losses", "loop/norms"}))
      return;
    const auto numbers = [](const torch::Tensor& t) {
      return std::vector<double>(t.const_data_ptr<double>(), t.const_data_ptr<double>() + t.numel());
    };
    result_.norms = numbers(tensors[tensors.size() - 1].second);
    result_.losses = numbers(tensors[tensors.size() - 2].second);
    GYRE_CHECK(result_.losses.size() == result_.norms.size() && std::ssize(result_.losses) <= spec_.steps,
               ErrorCode::kInput,
               "{}: {} losses and {} norms for a training of {} steps; the file is damaged",
               options_.checkpoint.string(), result_.losses.size(), result_.norms.size(), spec_.steps);
    result_.steps = result_.resumed_at = saved_at_ = std::ssize(result_.losses);
    for (std::int64_t i = 0; i < result_.steps; ++i) {
      const auto at = static_cast<std::size_t>(i);
      points_.push_back({"loss", i, result_.losses[at]});
      points_.push_back({"lr", i, task_.groups.front().lr * lr_factor(spec_, i)});
      points_.push_back({"grad_norm", i, result_.norms[at]});
    }
    log_info(fmt::format("{}: continued after step {} of {}", options_.label, result_.steps, spec_.steps));
  }

  void report() {
    if (options_.on_points && !points_.empty()) options_.on_points(points_);
    points_.clear();
  }

  std::string note() const {
    const auto steps = static_cast<double>(std::ssize(result_.losses) - result_.resumed_at);
    return fmt::format("loss {:.4f}, lr {:.3g}, {:.0f} tokens/s", result_.losses.back(), lr_,
                       steps * static_cast<double>(spec_.tokens_per_step()) / result_.seconds);
  }

  const LoopSpec& spec_;
  const TokenWindows& windows_;
  const LoopTask& task_;
  const LoopOptions& options_;
  AdamW adam_;
  LoopResult result_;
  std::vector<TrainPoint> points_;
  std::int64_t saved_at_ = 0;
  double lr_ = 0;
};

}  // namespace

LoopResult run_loop(const LoopSpec& spec, const TokenWindows& windows, const LoopTask& task,
                    const LoopOptions& options) {
  GYRE_ASSERT(!task.groups.empty() && task.accumulate);
  return Loop(spec, windows, task, options).run();
}

}  // namespace gyre
