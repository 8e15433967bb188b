// A small database of runs with settings as real ones have them.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <string>

#include "analysis/table.h"
#include "core/digest.h"
#include "core/error.h"
#include "spec/run.h"
#include "store/run_store.h"

namespace gyre::analysis::testing {

inline constexpr const char* kMetric = "ppl/wikitext2@gptq2048[2 windows]";

// NLL sums of two windows with two blocks of 100 targets each, around `mean` nats a target.
inline std::vector<store::SampleRow> blocks(double mean, double a = 0, double b = 0, double c = 0,
                                            double d = 0) {
  return {{0, 0, 100 * mean + a, 100},
          {0, 1, 100 * mean + b, 100},
          {1, 0, 100 * mean + c, 100},
          {1, 1, 100 * mean + d, 100}};
}

class Fixture : public ::testing::Test {
 protected:
  Fixture() {
    std::string name = (std::filesystem::temp_directory_path() / "gyre-test-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    store_ = std::make_unique<store::RunStore>(folder_ / "gyre.sqlite");
  }
  ~Fixture() override {
    store_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  static RunConfig config(const std::string& r1, int weight_bits, int activation_bits = 16) {
    RunConfig c;
    c.model.path = "models/Tiny_1.gguf";
    if (r1 != "none") c.rotation.r2.scheme = "hadamard";
    c.rotation.r1.scheme = r1;
    const auto set = [](QuantSpec& spec, int bits, int group) {
      if (bits == 16) return;
      spec.scheme = "rtn";
      spec.n_bits = bits;
      spec.group_size.value = group;
    };
    set(c.quant.weight, weight_bits, 64);
    set(c.quant.activation, activation_bits, -1);
    c.quant.weight.clip.method = Clip::Method::kLp;
    return c;
  }

  // Adds a point to the plan. Its digest is that of its canonical text.
  store::Point point(const RunConfig& c) {
    const auto& r1 = c.rotation.r1;
    store::Point p{sha256_hex(canonical_text(c)), canonical_text(c),
                   r1.scheme + (r1.random_signs ? " (signs) " : " ") + bits_label(c), params(c)};
    plan_.push_back(p);
    store_->plan_sweep("s", plan_);
    return p;
  }

  std::int64_t begin(const RunConfig& c) {
    return store_->begin("s", point(c), "0.1.0", R"({"model_note":"stored as Q4_1 & Q8_0"})").value();
  }

  // A finished run, its perplexity from its blocks.
  void ok(const RunConfig& c, const std::vector<store::SampleRow>& samples, double std_error = 0.25,
          const std::string& metric = kMetric) {
    double sum = 0;
    std::int64_t n = 0;
    for (const auto& row : samples) {
      sum += row.sum;
      n += row.n;
    }
    store_->finish(begin(c), "ok",
                   {{metric, std::exp(sum / static_cast<double>(n)), std_error, n, ""},
                    {"speed/evaluate", 650, 0, n, "tokens/s"}},
                   {{metric, samples}}, {{"load", "k", 1.5, false, 0}, {"evaluate", "k", 2.0, false, 0}});
  }

  Table table(const TableOptions& options = {.sweep = "s"}) const { return make_table(*store_, options); }

  Error error_of(const TableOptions& options) const {
    try {
      table(options);
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return Error(ErrorCode::kRun, "nothing was thrown");
  }

  std::filesystem::path folder_;
  std::unique_ptr<store::RunStore> store_;
  std::vector<store::Point> plan_;
};

}  // namespace gyre::analysis::testing
