// A preset's runs against published values. What differs in model, protocol or window is never judged.
#pragma once

#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "spec/reference.h"
#include "store/run_store.h"

namespace gyre::analysis {

// Of the difference d to the published value, beyond its rounding (half a unit of the last digit printed),
// with the tolerance t below: MATCH |d| <= t; CLOSE |d| <= 2 t or 2 % (5 t where nothing is quantized); MISS.
enum class Verdict { kMatch, kClose, kMiss, kNotComparable };
const char* verdict_name(Verdict verdict);  // "MATCH", "CLOSE", "MISS", "NOT COMPARABLE"

struct Judgement {
  Reference reference;
  std::vector<std::string> runs;  // short digests; none: the preset has no finished run
  std::string model;              // model.path of the runs
  std::string metric;             // what they measured
  double value = std::numeric_limits<double>::quiet_NaN();  // mean over the runs
  // One run: the standard error over windows. Several seeds and replicas: their spread, s sqrt(1 + 1/n).
  // Nothing quantized: 0.1 % of the value, which half-precision arithmetic moves.
  double tolerance = std::numeric_limits<double>::quiet_NaN();
  Verdict verdict = Verdict::kNotComparable;
  std::string reason;
};

struct JudgeInput {
  std::string preset;
  // The settings of this preset and of the models' full-precision presets, by name. Model and calibration
  // text in them do not matter.
  std::map<std::string, RunConfig> settings;
  References published;
  std::vector<std::string> named_texts;  // names that are no files
};

// One judgement per reference of the preset and group of its runs that differ in seed and replica alone; one
// without runs where there are none. A run belongs to the preset when its rotations, quantizers and smoothing
// are the preset's, however it was started. NOT COMPARABLE, with every reason: another shape, a GGUF, another
// metric, text, BOS rule or part of the text, another calibration, a row whose settings the source leaves
// open or whose value is no number, and a model that no full-precision run tells from others of its shape.
std::vector<Judgement> judge(const store::RunStore& store, const JudgeInput& input);

}  // namespace gyre::analysis
