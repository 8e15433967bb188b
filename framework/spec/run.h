// Every setting of a run, named once. A struct's describe() lists its fields: name, member, help, limits;
// parsing, validation, canonical text, digest, database rows and docs/CONFIG.md all walk that list.
//
// A visitor has  field(name, value, help, limits)  for int64, double, bool, string, AutoSize and Clip, and
// group(name, spec, help)  for a nested struct.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "spec/eval.h"
#include "spec/learn.h"
#include "spec/measure.h"
#include "spec/model.h"
#include "spec/quant.h"
#include "spec/rotation.h"
#include "spec/train.h"
#include "spec/values.h"

namespace gyre {

// How a run is carried out. None of it enters the run's digest.
struct ExecutionSpec {
  std::string device = "cpu";
  std::int64_t threads = 0;
  bool host_weights = false;
  double memory = 0;
  std::string db = "results/gyre.sqlite";
  std::string packed;
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("device", s.device, "cpu, cuda, or cuda:N", Limits{});
    v.field("threads", s.threads, "CPU threads; 0: all cores", Limits{.min = 0, .max = 1024});
    v.field("host_weights", s.host_weights,
            "weights stay in host memory until the evaluation; calibration takes one layer at a time to the "
            "device. A 7B model's 27 GB of float32 then ask for a GPU of 24 GB",
            Limits{});
    v.field("memory", s.memory, "GB that shared models of a sweep may hold; 0: half of the machine's",
            Limits{.min = 0});
    v.field("db", s.db, "database file (--db and GYRE_DB win over it)", Limits{});
    v.field("packed", s.packed,
            "folder for trained models as packed codes, DIGEST.safetensors; empty: none is written",
            Limits{});
  }
};

struct RunConfig {
  RunConfig();  // not inline: g++ 12 loses track of so many strings
  ModelSpec model;
  RotationPlan rotation;
  QuantPlan quant;
  LearnSpec learn;
  SmoothingSpec smoothing;
  CalibrationSpec calibration;
  TrainSpec train;
  EvalSpec eval;
  MeasureSpec measure;
  std::int64_t seed = 0;
  std::int64_t replica = 0;
  ExecutionSpec run;
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.group("model", s.model, "the model and its arithmetic");
    v.group("rotation", s.rotation, "rotations by site");
    v.group("quant", s.quant, "quantizers by site");
    v.group("learn", s.learn, "how rotations of the scheme `learned` are learned");
    v.group("smoothing", s.smoothing, "SmoothQuant, after the rotations");
    v.group("calibration", s.calibration, "calibration text");
    v.group("train", s.train, "quantization-aware training; part of the run's identity where it is on");
    v.group("eval", s.eval, "perplexity");
    v.group("measure", s.measure, "statistics of tensors; where it is off, not part of the run's identity");
    v.field("seed", s.seed, "seed of everything random", Limits{.min = 0});
    v.field("replica", s.replica,
            "arithmetic replica: 0 is exact, k jitters the embedding's output by one unit in the last place",
            Limits{.min = 0});
    v.group("run", s.run, "how it is carried out; not part of the run's identity");
  }
};

// One setting as text: "quant.weight.n_bits" = "4". Texts are quoted as in TOML, so that value reads back.
struct Param {
  std::string key, value;
  friend bool operator==(const Param&, const Param&) = default;
};

// All settings in describe order, dotted.
std::vector<Param> params(const RunConfig& config);

// Whether a setting is part of a run's identity: all but how it is carried out (run.*,
// train.checkpoint_every, train.recompute, learn.save_every) and what is only asked of the model
// (model.shape.*, model.any_shape), whose files enter by their bytes.
bool enters_digest(std::string_view key);

// The canonical text: one `key = value` line per setting that enters the digest, in describe order. Settings
// of measure.*, train.* and learning (learn.*, rotation.rN.init, keep_init) only where those are on.
std::string canonical_text(const RunConfig& config);

// "W4A4KV4", "W4A16", "FP": derived from quant, for people; "W2*A4" where rules make weights differ; "+R3R4"
// is appended for online rotations.
std::string bits_label(const RunConfig& config);

// Rules that involve several settings: zero_point against symmetric, searches that a site cannot do,
// calibration on the evaluated text. Throws kConfig naming both sides.
void check_rules(const RunConfig& config);
// The part of it about one site, "quant.weight": settings that do not go together, or not with the site.
// `what` stands in front of the settings in messages.
void check_quant_spec(const QuantSpec& spec, std::string_view site, std::string_view what);

// Whether R1 or R2 is to be learned.
bool learns_rotations(const RunConfig& config);
// What is quantized while they are learned, 'auto', 'same' and 'none' resolved; no solver. kConfig, beginning
// with "learn.quant.weight", where settings are not of a rule's form.
QuantPlan learning_plan(const RunConfig& config);

}  // namespace gyre
