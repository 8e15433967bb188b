// Orderings that one model's sweep shows, recorded so that the report of another model can say which of them
// hold there.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "spec/values.h"

namespace gyre {

// A finished cell of the recorded table.
struct OrderedCell {
  std::string setting, row;  // names of its column and its row
  double value = 0;          // perplexity
  std::string method;        // settings that are not the defaults, but for model, texts and seeds
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("setting", s.setting, "column of the table", Limits{});
    v.field("row", s.row, "row of the table", Limits{});
    v.field("value", s.value, "perplexity", Limits{.min = 0});
    v.field("method", s.method, "settings that are not the defaults, but for model, texts and seeds",
            Limits{});
  }
};

// Two rows within one setting.
struct Ordering {
  std::string setting, a, b;
  double mean =
      0;  // mean paired difference of NLL per target, a minus b, nats: log of the perplexities' ratio
  double std_error = std::numeric_limits<double>::quiet_NaN();  // nan: a single cluster
  double floor = 0;                                             // what arithmetic may be, nats
  double p_holm = std::numeric_limits<double>::quiet_NaN();     // over all pairs of the file; nan: not known
  bool told = false;                                            // significant, and above the floor
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("setting", s.setting, "column of the table", Limits{});
    v.field("a", s.a, "row", Limits{});
    v.field("b", s.b, "another row", Limits{});
    v.field("mean", s.mean, "logarithm of the perplexity of a over that of b", Limits{});
    v.field("std_error", s.std_error, "of mean", Limits{.min = 0});
    v.field("floor", s.floor, "what arithmetic may be", Limits{.min = 0});
    v.field("p_holm", s.p_holm, "two-sided, after Holm over all pairs", Limits{.min = 0, .max = 1});
    v.field("told", s.told, "significant, and above the floor", Limits{});
  }
};

struct Orderings {
  std::string model = {}, sweep = {}, metric = {};
  std::string test = "t";               // of differences over windows
  std::string version = {}, date = {};  // of the program that made the runs; day of the last one
  std::string command = {};             // that made the file
  std::vector<OrderedCell> cells = {};
  std::vector<Ordering> pairs = {};
  // Of what stands beside the cells and pairs.
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("model", s.model, "the model", Limits{});
    v.field("sweep", s.sweep, "the sweep", Limits{});
    v.field("metric", s.metric, "gyre's name of the perplexity, protocol and window included", Limits{});
    v.field("test", s.test, "of differences over windows", Limits{.one_of = {"t", "wilcoxon"}});
    v.field("version", s.version, "of the program that made the runs", Limits{});
    v.field("date", s.date, "of the last run, UTC", Limits{});
    v.field("command", s.command, "that made this file", Limits{});
  }
};

// A file of experiments/references/orderings: tables [recorded], [[cell]] and [[pair]]. Numbers that are not
// known are left out; config::load_orderings reads all back to the same values.
std::string to_toml(const Orderings& orderings);

}  // namespace gyre
