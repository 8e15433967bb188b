// A database like that of a real sweep: rotations x settings with samples, tensor statistics, training curves
// and kernel timings, all from a formula and named seeds.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "analysis/fixture.h"
#include "core/seed.h"

namespace gyre::analysis::testing {

struct Synthetic {
  int n_layers = 8, n_windows = 8, n_replicas = 1;
  std::vector<int> groups = {64};
  std::string sweep = "synthetic <&> \"sweep\"";
  bool stats = true;
};

class SyntheticFixture : public Fixture {
 protected:
  struct Rotation {
    const char* name;
    double tail;  // excess kurtosis that it leaves
  };
  static constexpr Rotation kRotations[] = {{"none", 40},       {"identity", 45},  {"random", 0.02},
                                            {"hadamard", 0.05}, {"sequency", 0.1}, {"local_hadamard", 0.6},
                                            {"gsr", 0.6}};

  static RunConfig setting_of(const char* r1, int weight, int activation, int cache, bool online, int group) {
    RunConfig c = config(r1, weight, activation);
    if (weight != 16) c.quant.weight.group_size.value = group;
    for (auto* site : {&c.quant.key, &c.quant.value})
      if (cache != 16) {
        site->scheme = "rtn";
        site->n_bits = cache;
        site->symmetric = false;
        site->zero_point = "integer";
      }
    if (online) c.rotation.r3.scheme = c.rotation.r4.scheme = "hadamard";
    c.model.path = "models/Tiny_1.gguf";
    return c;
  }

  void fill(const Synthetic& size) {
    std::vector<RunConfig> configs = {setting_of("none", 16, 16, 16, false, 64)};
    struct Setting {
      int weight, activation, cache;
      bool online;
    };
    for (const auto& s : {Setting{4, 16, 16, false},
                          {3, 16, 16, false},
                          {2, 16, 16, false},
                          {4, 8, 8, false},
                          {4, 4, 4, false},
                          {4, 4, 4, true}})
      for (const auto& rotation : kRotations)
        for (const int group : size.groups)
          for (int replica = 0; replica < size.n_replicas; ++replica) {
            configs.push_back(setting_of(rotation.name, s.weight, s.activation, s.cache, s.online, group));
            configs.back().replica = replica;
          }
    std::vector<store::Point> points;
    for (const auto& c : configs)
      points.push_back({sha256_hex(canonical_text(c)), canonical_text(c),
                        c.rotation.r1.scheme + " " + bits_label(c), params(c)});
    store_->plan_sweep(size.sweep, points);
    for (std::size_t i = 0; i < configs.size(); ++i) add(size, configs[i], points[i]);
  }

  void add_kernels() {
    for (const char* variant : {"scalar", "avx2", "avx512"})
      for (int k = 10; k <= 24; k += 2) {
        const double bytes = std::pow(2.0, k), speed = variant[0] == 's'   ? 2e3
                                                       : variant[3] == '2' ? 9e3
                                                                           : 1.1e4;
        const double us = bytes / speed + 0.4;
        store_->add_kernel_timing({"hadamard", variant, std::to_string(k) + " log2", "float32",
                                   "cpu: 2 <cores> & 'more'", 30, us, 0.95 * us, 1.1 * us, bytes, 1e-7,
                                   bytes / us / 1.2e4});
      }
  }

 private:
  static double tail_of(const RunConfig& c) {
    for (const auto& rotation : kRotations)
      if (c.rotation.r1.scheme == rotation.name) return rotation.tail;
    return 0;
  }

  // Nats above full precision: a term for the weights, one for outliers in activations.
  static double loss_of(const RunConfig& c) {
    if (!c.quant.weight.enabled()) return 0;
    const double tail = tail_of(c), bits = static_cast<double>(c.quant.weight.n_bits);
    const double group = static_cast<double>(c.quant.weight.group_size.value) / 64;
    double loss = 60 * std::pow(4.0, -bits) * (1 + 0.02 * std::log1p(tail)) * std::pow(group, 0.2);
    if (c.quant.activation.enabled())
      loss += 8 * std::pow(4.0, -static_cast<double>(c.quant.activation.n_bits)) *
              (1 + 20 * std::log1p(tail)) * (c.rotation.r3.scheme == "none" ? 2.5 : 1);
    return loss;
  }

  void add(const Synthetic& size, const RunConfig& c, const store::Point& point) {
    const auto id =
        store_->begin(size.sweep, point, "0.1.0", R"({"model_note":"stored as Q4_1 & Q8_0"})").value();
    if (c.rotation.r1.scheme == std::string("identity") && c.quant.weight.n_bits == 2) {
      store_->fail(id, "failed", "the weights hold <NaN> & \"more\"\nat layer 3", "run");
      return;
    }
    Rng text(derive_seed(1, "text")), noise(derive_seed(1, point.digest));
    std::vector<store::SampleRow> samples;
    double sum = 0, n = 0;
    for (int w = 0; w < size.n_windows; ++w) {
      const double window =
          3 + 0.2 * text.normal() + loss_of(c) * (1 + 0.02 * noise.normal()) + 0.002 * noise.normal();
      for (int b = 0; b < 16; ++b) {
        samples.push_back({w, b, 128 * (window + 0.05 * text.normal()), 128});
        sum += samples.back().sum, n += 128;
      }
    }
    const double value = std::exp(sum / n);
    const std::string metric = "ppl/wikitext2@gptq2048[" + std::to_string(size.n_windows) + " windows]";
    store_->finish(
        id, "ok",
        {{metric, value, 0.07 * value, static_cast<std::int64_t>(n), ""},
         {"speed/evaluate", 650, 0, 1, "tokens/s"}},
        {{metric, samples}},
        {{"load", "k", 1.5, false, 0},
         {"rotate", "k", 2 + noise.uniform(), false, 0},
         {"quantize", "k", c.quant.weight.enabled() ? 4.0 + noise.uniform() : 0, false, 0},
         {"evaluate", "k", c.rotation.r3.scheme == "none" ? 25 + noise.uniform() : 31 + noise.uniform(),
          false, 0}});
    if (size.stats) store_->add_tensor_stats(id, stats_of(size, c));
    if (c.quant.weight.n_bits == 2) {
      std::vector<store::CurveRow> curve;
      for (int step = 0; step <= 500; step += 5)
        curve.push_back({"loss", step, 3 + loss_of(c) * std::exp(-step / 150.0) + 0.02 * noise.normal()});
      store_->add_curve(id, curve);
    }
  }

  static std::vector<store::TensorStatRow> stats_of(const Synthetic& size, const RunConfig& c) {
    std::vector<store::TensorStatRow> rows;
    for (int layer = 0; layer < size.n_layers; ++layer)
      for (const char* tensor : {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"})
        for (const char* site : {"weight", "activation"})
          for (const char* phase : {"original", "rotated", "quantized"}) {
            const bool original = std::string(phase) == "original";
            Rng rng(derive_seed(2, std::string(tensor) + site + (original ? "" : c.rotation.r1.scheme) +
                                       std::to_string(layer)));
            const double tail = (original ? 40 : tail_of(c)) * (site[0] == 'a' ? 20 : 1) *
                                (1 + std::abs(3.0 - layer)) * std::exp(0.3 * rng.normal());
            const auto add = [&](const std::string& name, double value) {
              rows.push_back({layer, tensor, site, phase, name, value, 4096});
            };
            add("excess_kurtosis", tail);
            add("max_over_rms", 3 + std::log1p(tail));
            add("mean", 1e-4 * rng.normal());
            add("variance", 1);
            add("ks_uniform", 0.1 + 0.01 * std::log1p(tail));
            if (std::string(phase) == "quantized") {
              add("sqnr_db",
                  6 * static_cast<double>(c.quant.weight.n_bits) - std::log1p(tail) + 0.1 * rng.normal());
              add("code_entropy", static_cast<double>(c.quant.weight.n_bits) - 0.3);
            } else if (layer == 0 && tensor[0] == 'q') {
              for (double x = -6; x < 6; x += 0.5)
                add("histogram/" + format_edge(x) + "/" + format_edge(x + 0.5),
                    0.2 * std::exp(-std::pow(std::abs(x + 0.25), tail > 1 ? 1 : 2) / 2));
            }
          }
    return rows;
  }
  static std::string format_edge(double x) {
    std::string text = std::to_string(x);
    text.resize(text.find('.') + 2);
    return text;
  }
};

}  // namespace gyre::analysis::testing
