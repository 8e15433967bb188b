// The rotation of each site R1..R4. See spec/run.h about describe().
#pragma once

#include <string>

#include "spec/values.h"

namespace gyre {

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

}  // namespace gyre
