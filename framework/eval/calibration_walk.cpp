#include "eval/calibration_walk.h"

#include <algorithm>
#include <unordered_set>

#include "core/error.h"
#include "core/seed.h"
#include "model/block_forward.h"
#include "model/rope.h"
#include "ops/llama_ops.h"

namespace gyre {
namespace {

constexpr std::int64_t kPassesPerLayer = 5;

std::vector<std::int64_t> random_starts(std::int64_t n, std::int64_t places, std::int64_t seed) {
  Rng rng(derive_seed(static_cast<std::uint64_t>(seed), "calibration"));
  std::unordered_set<std::int64_t> seen;
  std::vector<std::int64_t> starts;
  while (std::ssize(starts) < n) {
    const auto start = static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(places)));
    if (seen.insert(start).second) starts.push_back(start);
  }
  return starts;
}

// A linear of the model, and its copy in the passes' arithmetic.
struct Worked {
  LinearRef original;
  QuantLinear& copy;
};

class Walk {
 public:
  Walk(Llama& model, const torch::Tensor& windows, InputVisitor& visitor, const WalkOptions& options)
      : model_(model),
        visitor_(visitor),
        options_(options),
        dtype_(options.dtype.value_or(model.dtype())),
        device_(options.device.value_or(model.device())),
        samples_(windows.size(0)),
        rope_(rope_table(model.config, windows.size(1), device_, dtype_)),
        eps_(model.config.rms_norm_eps) {
    const auto& config = model.config;
    const auto host = torch::TensorOptions(dtype_);
    stream_ = torch::empty({samples_, 1, windows.size(1), config.hidden_size}, host);
    mixed_ = torch::empty({samples_, 1, windows.size(1), config.num_attention_heads * config.head_dim}, host);
    const auto gated_bytes =
        windows.numel() * config.intermediate_size * static_cast<std::int64_t>(host.dtype().itemsize());
    if (gated_bytes <= options.keep_bytes)
      gated_ = torch::empty({samples_, 1, windows.size(1), config.intermediate_size}, host);
    Llama rounded = model.shallow_copy();
    rounded.embedding = rounded.embedding.to(dtype_);
    for (std::int64_t s = 0; s < samples_; ++s) store(stream_, s, rounded.embed(windows.narrow(0, s, 1)));
  }

  void layer(std::int64_t index) {
    auto& [q, k, v, o, r3, key_quantizer, value_quantizer, key_before_rope] = original(index).attention;
    auto& [gate, up, down] = original(index).mlp;
    Block block = original(index);
    block.to(device_, dtype_);
    auto& attention = block.attention;
    auto& mlp = block.mlp;
    const auto input = [&](std::int64_t s) { return rms_norm(load(stream_, s), block.input_norm, eps_); };
    const auto between = [&](std::int64_t s) {
      return rms_norm(load(stream_, s), block.post_attention_norm, eps_);
    };
    pass(index,
         {{{index, LinearRole::kQ, q}, attention.q},
          {{index, LinearRole::kK, k}, attention.k},
          {{index, LinearRole::kV, v}, attention.v}},
         input);
    pass(index, {{{index, LinearRole::kO, o}, attention.o}}, [&](std::int64_t s) {
      const auto mixed = mix_heads(attention, input(s), rope_, model_.config);
      store(mixed_, s, mixed);
      return mixed;
    });
    pass(index, {{{index, LinearRole::kGate, gate}, mlp.gate}, {{index, LinearRole::kUp, up}, mlp.up}},
         [&](std::int64_t s) {
           const auto [sum, normed] = add_rms_norm(load(stream_, s), attention.o.forward(load(mixed_, s)),
                                                   block.post_attention_norm, eps_);
           store(stream_, s, sum);
           return normed;
         });
    pass(index, {{{index, LinearRole::kDown, down}, mlp.down}}, [&](std::int64_t s) {
      const auto x = gated(mlp, between(s));
      if (gated_.defined()) store(gated_, s, x);
      return x;
    });
    for (std::int64_t s = 0; s < samples_; ++s) {
      const auto x = gated_.defined() ? load(gated_, s) : gated(mlp, between(s));
      store(stream_, s, load(stream_, s) + mlp.down.forward(x));
      step();
    }
  }

 private:
  // Shows the linears what source gives for each window; afterwards their copies are what has become of them.
  void pass(std::int64_t layer, const std::vector<Worked>& linears,
            const std::function<torch::Tensor(std::int64_t)>& source) {
    std::vector<LinearRef> originals;
    for (const auto& worked : linears) originals.push_back(worked.original);
    const auto inputs = shared_inputs(layer, originals);
    for (const auto& input : inputs) visitor_.begin(input);
    for (std::int64_t s = 0; s < samples_; ++s) {
      const auto x = source(s);
      for (const auto& input : inputs) visitor_.see(input, input.linears[0].linear.prepare(x));
      step();
    }
    for (const auto& input : inputs) visitor_.complete(input);
    for (const auto& [original, copy] : linears) {
      copy = original.linear;
      copy.to(device_, dtype_);
    }
  }

  Block& original(std::int64_t index) { return model_.blocks[static_cast<std::size_t>(index)]; }
  torch::Tensor load(const torch::Tensor& all, std::int64_t sample) const {
    return all.select(0, sample).to(device_);
  }
  static void store(const torch::Tensor& all, std::int64_t sample, const torch::Tensor& x) {
    const auto slot = all.select(0, sample);
    if (slot.const_data_ptr() != x.const_data_ptr()) slot.copy_(x);
  }
  void step() const {
    if (options_.on_window) options_.on_window();
  }

  Llama& model_;
  InputVisitor& visitor_;
  const WalkOptions& options_;
  torch::ScalarType dtype_;
  torch::Device device_;
  std::int64_t samples_;
  RopeTable rope_;
  double eps_;
  torch::Tensor stream_, mixed_, gated_;  // [samples, 1, window, ...] on the host
};

}  // namespace

std::vector<SharedInput> shared_inputs(std::int64_t layer, const std::vector<LinearRef>& linears) {
  std::vector<SharedInput> inputs;
  for (const auto& ref : linears) {
    const auto same = std::ranges::find_if(inputs, [&](const SharedInput& input) {
      return input.linears[0].linear.shares_input_with(ref.linear);
    });
    if (same != inputs.end())
      same->linears.push_back(ref);
    else
      inputs.push_back({layer, {ref}});
  }
  return inputs;
}

std::vector<std::int64_t> calibration_starts(std::int64_t n_tokens, const CalibrationSpec& spec,
                                             std::int64_t seed) {
  const auto needed = spec.window * spec.samples;
  GYRE_CHECK(
      n_tokens >= needed, ErrorCode::kInput,
      "the calibration text '{}' has {} tokens; {} windows of {} need {}. Take fewer or shorter ones, or "
      "another text",
      spec.path, n_tokens, spec.samples, spec.window, needed);
  if (spec.order == "random") return random_starts(spec.samples, n_tokens - spec.window + 1, seed);
  std::vector<std::int64_t> starts;
  for (std::int64_t s = 0; s < spec.samples; ++s) starts.push_back(s * spec.window);
  return starts;
}

torch::Tensor calibration_windows(const std::vector<std::int32_t>& tokens, const CalibrationSpec& spec,
                                  std::int64_t seed) {
  const auto starts = calibration_starts(std::ssize(tokens), spec, seed);
  auto windows = torch::empty({spec.samples, spec.window}, torch::kInt64);
  auto* out = windows.mutable_data_ptr<std::int64_t>();
  for (const auto start : starts) out = std::copy_n(tokens.begin() + start, spec.window, out);
  return windows;
}

std::int64_t count_calibration_places(std::int64_t n_tokens, const CalibrationSpec& spec, std::int64_t seed) {
  auto starts = calibration_starts(n_tokens, spec, seed);
  std::ranges::sort(starts);
  std::int64_t places = 0, end = 0;
  for (const auto start : starts) {
    places += start + spec.window - std::max(start, end);
    end = start + spec.window;
  }
  return places;
}

void walk_inputs(Llama& model, const torch::Tensor& windows, InputVisitor& visitor,
                 const WalkOptions& options) {
  const torch::NoGradGuard no_grad;
  GYRE_ASSERT(windows.dim() == 2 && windows.scalar_type() == torch::kInt64 && windows.numel() > 0);
  Walk walk(model, windows, visitor, options);
  for (std::size_t i = 0; i < model.blocks.size(); ++i) walk.layer(static_cast<std::int64_t>(i));
}

std::int64_t count_walk_windows(const Llama& model, std::int64_t samples) {
  return static_cast<std::int64_t>(model.blocks.size()) * samples * kPassesPerLayer;
}

}  // namespace gyre
