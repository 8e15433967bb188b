// Losses over the vocabulary: cross-entropy, and divergences from a teacher (BitDistiller's CAKLD among
// them).
//
//   loss = ce CE + forward KL(T || S) + reverse KL(S || T),  in nats, mean over positions
//
// T and S are the softmax distributions of teacher and student, at temperature 1.
#pragma once

#include <torch/torch.h>

#include <span>
#include <string_view>

namespace gyre {

struct LossMix {
  double ce = 0, forward = 0, reverse = 0;
};

struct LossScheme {
  std::string_view name;
  std::string_view summary;
  bool teacher;                 // whether it reads one
  LossMix (*mix)(double beta);  // beta: the teacher's mean confidence, for cakld
};
std::span<const LossScheme> losses();
// kConfig on an unknown name.
const LossScheme& find_loss(std::string_view name);

// lm_head and what it multiplies: logits = hidden weight^T + bias. hidden [N, H]; weight [V, H]; bias [V] or
// undefined.
struct Head {
  torch::Tensor hidden, weight, bias;
};

// The teacher's k most likely tokens, int64 [N, k], and the logarithms of their probabilities, float32 [N,
// k]. All other tokens together are one outcome with the rest of the mass.
struct TopTokens {
  torch::Tensor ids, log_probabilities;
};
TopTokens top_tokens(const Head& teacher, std::int64_t k);

// One of `whole` (hidden defined) and `top` (ids defined), or neither where the mix asks for no teacher.
struct TeacherView {
  Head whole;
  TopTokens top;
};

// Values of logits that exist at once.
inline constexpr std::int64_t kLogitsAtOnce = std::int64_t{1} << 23;

// The loss, a scalar of float32 (float64 for float64), differentiable in the student's hidden, weight and
// bias. targets: int64 [N]. Logits are made, and turned into gradients at once, for a few positions at a
// time: they never exist as a whole, nor are they made twice. Softmax and sums in float32 (float64).
torch::Tensor vocabulary_loss(const LossMix& mix, const Head& student, const torch::Tensor& targets,
                              const TeacherView& teacher);

// Mean over positions of the teacher's largest probability: CAKLD's beta.
double mean_confidence(const Head& teacher);

}  // namespace gyre
