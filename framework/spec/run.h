// Every setting of a run, named once. A struct's describe() lists its fields: name, member, help, limits;
// parsing, validation, canonical text, digest, database rows and docs/CONFIG.md all walk that list.
//
// A visitor has  field(name, value, help, limits)  for int64, double, bool, string, AutoSize and Clip, and
// group(name, spec, help)  for a nested struct.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "spec/learn.h"
#include "spec/measure.h"
#include "spec/train.h"
#include "spec/values.h"

namespace gyre {

// Sizes of a model, in Hugging Face's names; 0: not said.
struct ModelShape {
  std::int64_t hidden_size = 0, intermediate_size = 0, num_hidden_layers = 0, num_attention_heads = 0,
               num_key_value_heads = 0, head_dim = 0, vocab_size = 0;
  friend bool operator==(const ModelShape&, const ModelShape&) = default;
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    const Limits limits{.min = 0};
    v.field("hidden_size", s.hidden_size, "0: any", limits);
    v.field("intermediate_size", s.intermediate_size, "0: any", limits);
    v.field("num_hidden_layers", s.num_hidden_layers, "0: any", limits);
    v.field("num_attention_heads", s.num_attention_heads, "0: any", limits);
    v.field("num_key_value_heads", s.num_key_value_heads, "0: any", limits);
    v.field("head_dim", s.head_dim, "0: any", limits);
    v.field("vocab_size", s.vocab_size, "0: any", limits);
  }
};

struct ModelSpec {
  std::string path = "default";
  std::string dtype = "float32";
  ModelShape shape;
  bool any_shape = false;
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("path", s.path,
            "Hugging Face folder, .gguf or llama2.c .bin; 'default' is the embedded tiny model", Limits{});
    v.field("dtype", s.dtype, "arithmetic of the forward pass",
            Limits{.one_of = {"float32", "float16", "bfloat16", "float64"}});
    v.group(
        "shape", s.shape,
        "sizes that the model must have, or the run is refused; recorded are those that it has. Not part of "
        "the run's identity");
    v.field(
        "any_shape", s.any_shape,
        "runs on a model of another shape too: settings made for one model, tried on another. Not part of "
        "the run's identity",
        Limits{});
  }
};

// One rotation site. Scheme names live in framework/rotation/schemes.cpp.
struct RotationSpec {
  std::string scheme = "none";
  AutoSize block_size{};
  bool random_signs = false;
  std::string scope = "head";     // r2 only
  std::string init = "hadamard";  // learned only
  bool keep_init = false;         // learned only
  bool learned() const { return scheme == "learned"; }
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("scheme", s.scheme, "a row of `gyre list rotations`, or 'none'", Limits{});
    v.field("block_size", s.block_size,
            "block of a block-diagonal scheme; auto: largest power of two <= 128 that divides",
            Limits{.min = 1});
    v.field("random_signs", s.random_signs, "flip input channels at random first (randomized Hadamard)",
            Limits{});
    v.field("scope", s.scope,
            "r2 only: head (fused, per head), or all_heads (QuaRot: also a Hadamard across the heads, online "
            "before o_proj)",
            Limits{.one_of = {"head", "all_heads"}});
    v.field(
        "init", s.init,
        "learned only: the scheme from which learning starts; with a block_size it is made in such blocks",
        Limits{});
    v.field("keep_init", s.keep_init,
            "learned only: R = R_init R_learned with R_init fixed, R_learned starting from the identity",
            Limits{});
  }
};

struct RotationPlan {
  RotationSpec r1, r2, r3, r4;
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.group("r1", s.r1, "residual stream, fused into the weights; 'none' leaves the norms unfolded");
    v.group("r2", s.r2, "value and output projection, per head, fused into the weights");
    v.group("r3", s.r3, "queries and keys after RoPE, online");
    v.group("r4", s.r4, "input of down_proj, online; its inverse is fused into down_proj");
  }
};

// Learned step sizes (scheme lsq), of weights.
struct LsqSpec {
  std::string init = "mean";
  std::string gradient_scale = "tensor";
  friend bool operator==(const LsqSpec&, const LsqSpec&) = default;
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field(
        "init", s.init,
        "first step: mean (2 mean|w| / sqrt(Q), Q the highest level), or clip (rtn's with quant.weight.clip)",
        Limits{.one_of = {"mean", "clip"}});
    v.field("gradient_scale", s.gradient_scale,
            "the step's gradient times 1 / sqrt(N Q), with N the weight's values (tensor) or those that "
            "share the "
            "step (group); none: times 1",
            Limits{.one_of = {"tensor", "group", "none"}});
  }
};

// Learned clipping and partition (schemes ldp and lwc), of weights.
struct LdpSpec {
  std::string gradient = "codebook";
  std::string squash = "sigmoid";
  std::string reconstruction = "nonuniform";
  bool detach_range = true;
  friend bool operator==(const LdpSpec&, const LdpSpec&) = default;
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("gradient", s.gradient,
            "of the levels: codebook (codes held fixed), or residual (straight through the rounding)",
            Limits{.one_of = {"codebook", "residual"}});
    v.field(
        "squash", s.squash,
        "ldp: how its parameters become a partition of the range; sigmoid (ordered shares of the rest), or "
        "linear (sorted)",
        Limits{.one_of = {"sigmoid", "linear"}});
    v.field(
        "reconstruction", s.reconstruction,
        "ldp: values at the learned levels (nonuniform), or equal steps with learned thresholds (uniform)",
        Limits{.one_of = {"nonuniform", "uniform"}});
    v.field("detach_range", s.detach_range,
            "smallest and largest weight of a group count as constants in the gradient", Limits{});
  }
};

// One quantization site. Scheme names live in framework/quant/schemes.cpp.
struct QuantSpec {
  std::string scheme = "none";
  std::int64_t n_bits = 4;
  AutoSize group_size{-1};
  bool symmetric = true;
  std::string zero_point = "unset";
  Clip clip{};
  std::string solver = "nearest";  // weight only
  bool before_rope = false;        // key only
  std::string rules;               // settings that differ by layer and role (spec/quant_rules.h)
  LsqSpec lsq;                     // weight only; described as quant.lsq
  LdpSpec ldp;                     // weight only; described as quant.ldp
  bool enabled() const { return scheme != "none"; }
  bool used() const { return enabled() || !rules.empty(); }  // anywhere in the model
  friend bool operator==(const QuantSpec&, const QuantSpec&) = default;
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("scheme", s.scheme, "a row of `gyre list quantizers`, or 'none'", Limits{});
    v.field("n_bits", s.n_bits, "bits per value", Limits{.min = 2, .max = 8});
    v.field("group_size", s.group_size,
            "values that share a scale; -1: per channel (weight), per token (activation), per token and head "
            "(key, value); auto: largest power of two <= 128 that divides",
            Limits{.min = 2, .or_minus_one = true});
    v.field("symmetric", s.symmetric,
            "levels -2^(b-1)..2^(b-1)-1 without offset; false where only zero_point is set", Limits{});
    v.field("zero_point", s.zero_point,
            "with symmetric = false: 'integer' or 'real' offset; 'none': levels +-(k+1/2); 'unsigned' (lsq): "
            "levels 0..2^b-1",
            Limits{.one_of = {"unset", "integer", "real", "none", "unsigned"}});
    v.field(
        "clip", s.clip,
        "minmax, a ratio of it, or (weights only) a search: lp for the error's power 2.4, mse for its square",
        Limits{});
    v.field(
        "solver", s.solver,
        "weight only: how codes are chosen; nearest, or gptq (least output error on the calibration text)",
        Limits{.one_of = {"nearest", "gptq"}});
    v.field("before_rope", s.before_rope, "key only: quantize before RoPE and R3", Limits{});
    v.field(
        "rules", s.rules,
        "what differs by layer and role: 'down_proj: n_bits=4; layers.0, layers.-1: n_bits=8 group_size=32'; "
        "later rules win (docs/CONVENTIONS.md, Mixed plans)",
        Limits{});
  }
};

// What the solver gptq is told beyond the weight quantizer.
struct GptqSpec {
  double damping = 0.01;
  std::int64_t block_size = 128;
  bool act_order = false;
  std::string hessian_dtype = "float32";
  bool quantize_activations = false;
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field(
        "damping", s.damping,
        "added to the Hessian's diagonal, as a share of its mean; raised tenfold where the calibration text "
        "does not determine a layer",
        Limits{.min = 0, .max = 1e3});
    v.field("block_size", s.block_size,
            "columns between two updates of the whole weight; changes speed alone",
            Limits{.min = 1, .max = 65536});
    v.field(
        "act_order", s.act_order,
        "columns by falling mean square of their input; groups stay neighbours and take their scales when "
        "the first of their columns comes up",
        Limits{});
    v.field("hessian_dtype", s.hessian_dtype, "in which the inputs' second moments are summed",
            Limits{.one_of = {"float32", "float64"}});
    v.field("quantize_activations", s.quantize_activations,
            "inputs, keys and values are quantized while calibrating, as they will be when evaluating; the "
            "papers "
            "do not",
            Limits{});
  }
};

struct QuantPlan {
  QuantSpec weight, activation, key, value;
  GptqSpec gptq;
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.group("weight", s.weight, "weights of every linear but lm_head");
    v.group("activation", s.activation, "inputs of every linear but lm_head");
    v.group("key", s.key, "key cache (quant.kv.X sets key and value)");
    v.group("value", s.value, "value cache (quant.kv.X sets key and value)");
    v.group("gptq", s.gptq, "used where quant.weight.solver is gptq");
    v.group("lsq", s.weight.lsq, "used where quant.weight.scheme is lsq");
    v.group("ldp", s.weight.ldp, "used where quant.weight.scheme is ldp or lwc");
  }
};

// SmoothQuant: difficulty moves from activations to weights, channel by channel.
struct SmoothingSpec {
  std::string scheme = "none";
  double alpha = 0.5;
  bool enabled() const { return scheme != "none"; }
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field(
        "scheme", s.scheme,
        "none; smoothquant: inputs of q, k, v and of gate, up (the paper's); smoothquant_all: those of o and "
        "down too",
        Limits{.one_of = {"none", "smoothquant", "smoothquant_all"}});
    v.field("alpha", s.alpha,
            "channel j of the input is divided by max|x_j|^alpha / max|w_j|^(1 - alpha); 1 moves all the "
            "difficulty to the weights",
            Limits{.min = 0, .max = 1});
  }
};

struct CalibrationSpec {
  std::string path = "wikitext2-valid";
  std::int64_t samples = 16;
  std::int64_t window = 512;
  std::string order = "first";
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("path", s.path,
            "a named text (`gyre list data`) or a UTF-8 file; also the text of the invariance gate",
            Limits{});
    v.field("samples", s.samples, "windows used (by gptq and by smoothing)", Limits{.min = 1, .max = 1e6});
    v.field("window", s.window, "tokens per window", Limits{.min = 16, .max = 1e6});
    v.field("order", s.order, "the first windows of the text, or random places drawn from the seed",
            Limits{.one_of = {"first", "random"}});
  }
};

struct EvalSpec {
  std::string dataset = "wikitext2";
  std::int64_t window = 2048;
  std::int64_t max_windows = 0;
  std::string bos = "auto";
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("dataset", s.dataset, "a named text (`gyre list data`) or a UTF-8 file", Limits{});
    v.field("window", s.window, "tokens per window; at most the model's positions",
            Limits{.min = 2, .max = 1e6});
    v.field("max_windows", s.max_windows, "only the first windows (the metric's name says so); 0: all",
            Limits{.min = 0});
    v.field("bos", s.bos,
            "begin-of-stream token: auto (what the tokenizer adds, once), none, stream (always once)",
            Limits{.one_of = {"auto", "none", "stream"}});
  }
};

// How a run is carried out. None of it enters the run's digest.
struct ExecutionSpec {
  std::string device = "cpu";
  std::int64_t threads = 0;
  double memory = 0;
  std::string db = "results/gyre.sqlite";
  std::string packed;
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("device", s.device, "cpu, cuda, or cuda:N", Limits{});
    v.field("threads", s.threads, "CPU threads; 0: all cores", Limits{.min = 0, .max = 1024});
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

// "hidden_size 4096, num_hidden_layers 32": the sizes that are said.
std::string to_text(const ModelShape& shape);
// Whether every size that is asked for is the one that is there.
bool fits(const ModelShape& asked, const ModelShape& there);

// Whether R1 or R2 is to be learned.
bool learns_rotations(const RunConfig& config);
// What is quantized while they are learned, 'auto', 'same' and 'none' resolved; no solver. kConfig, beginning
// with "learn.quant.weight", where settings are not of a rule's form.
QuantPlan learning_plan(const RunConfig& config);

// The size that a block or group has along a dimension: auto resolved, -1 the whole. Throws kConfig naming
// `what` when it does not divide.
std::int64_t resolve_size(const AutoSize& size, std::int64_t dimension, std::string_view what);

}  // namespace gyre
