// Ablation tables: the runs of a sweep, pivoted by settings.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/run_store.h"

namespace gyre::analysis {

inline constexpr double kNoValue = std::numeric_limits<double>::quiet_NaN();

// A cell against the baseline row's: perplexity over its, e^d, where d is the mean paired difference of NLL
// per target; or, for a metric that counts items, the difference of shares.
struct Comparison {
  double value = kNoValue, std_error = kNoValue;
  double low = kNoValue, high = kNoValue;  // 95 % interval, bootstrap over clusters
  double p = kNoValue, p_holm = kNoValue;  // two-sided; corrected over the table's comparisons
  bool significant = false;                // p_holm below 0.05, and more than arithmetic may be
};

// Among the cells of one column. Best: better than each of the others, significantly and by more than
// arithmetic may be. Tied: not told from the best one, or that one where it does not win.
enum class Standing { kNone, kBest, kTied };

struct Cell {
  // "ok", "diverged", "failed", "interrupted", "running", "pending"; "no metric": finished without this one;
  // "": no such point.
  std::string status = {};
  std::string text = {};          // for people: "25.31 ± 0.42", "failed"
  double value = kNoValue;        // mean over seeds, of each over its replicas
  double std_error = kNoValue;    // sampling: from blocks of the text (mean alike: they share the text)
  double seed_spread = kNoValue;  // standard deviation over seeds, where there are several
  double arithmetic_spread =
      kNoValue;  // standard deviation over replicas of one seed, where there are several
  std::int64_t n_seeds = 0, n_replicas = 0;                  // n_replicas: of the seed that has most
  std::int64_t n = 0;                                        // targets of each run
  std::vector<std::string> runs = {};                        // digests of the runs behind value
  std::vector<std::pair<std::string, double>> seconds = {};  // by stage, summed over these runs
  Standing standing = Standing::kNone;
  std::optional<Comparison> versus = {};  // the baseline row
  std::string versus_text = {};           // "×0.948 ± 0.006†"
};

struct Row {
  std::vector<std::string> names;  // one per row key
  std::vector<Cell> cells;         // one per column
};

struct Table {
  std::string title;   // what, of which model, on which text
  std::string metric;  // one name for the whole table
  std::vector<std::string> row_keys, column_keys;
  std::vector<std::vector<std::string>> columns;  // names of each column, one per column key
  std::vector<Row> rows;
  std::vector<std::string> notes;  // what the numbers are, for under the table
};

// A key is a setting ("quant.weight.n_bits"), "rotation" (the rotation's name: "gsr", "hadamard (signs)"),
// "bits" ("W4A4KV4+R3R4") or "grid" (the levels of the weights: "symmetric", "asymmetric (real zero point)").
struct TableOptions {
  std::string sweep = {};   // "": the best run of every digest in the database
  std::string metric = {};  // "": the perplexity that the runs have
  std::vector<std::string> rows = {"rotation"}, columns = {"bits"};
  std::string baseline = {};  // name of a row, or "": no comparison
  // Only runs whose value of each key is one that stands beside it here.
  std::vector<std::pair<std::string, std::string>> where = {};
  std::string test = "t";  // of differences over windows: "t" or "wilcoxon"
};

// Rows and columns in the plan's order. Runs of one cell may differ in seed and replica alone, and are
// averaged. With the default keys the run that is neither rotated nor quantized gets a row of its own, "full
// precision", and a column "FP". Each cell is compared with the baseline row's in its column; with the
// baseline "full precision", with that row's only one. kInput: no such sweep, or no runs. kUsage: unknown
// key, value, metric, baseline or test; runs of one cell that differ in another setting; several perplexities
// and none chosen. Each names what there is.
//
// Best and tied cells are found where lower (ppl/) or higher (acc/) is better: every cell against the best of
// its column, p the larger one of the test over windows (exact McNemar where items are counted) and of
// Welch's t over seeds, Holm over all such comparisons of the table. Against arithmetic: a difference counts
// only above twice the spread over replicas; where there are none and rounding is amplified (activations,
// keys or values of at most 4 bits, GPTQ), above 10 %. Perplexities above 1000 are collapsed: not ranked, and
// not compared with each other.
Table make_table(const store::RunStore& store, const TableOptions& options);

// "W4A16", or for settings "quant.weight.n_bits=4, seed=1".
std::string column_name(const Table& table, std::size_t column);

}  // namespace gyre::analysis
