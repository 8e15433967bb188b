// The quantizer of each site, the solver of weights, and SmoothQuant before both. See spec/run.h about
// describe().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "spec/values.h"

namespace gyre {

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

}  // namespace gyre
