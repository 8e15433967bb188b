#include "train/losses.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/text.h"

namespace gyre {
namespace {

constexpr std::array kLosses{
    LossScheme{"ce", "cross-entropy with the next token", false,
               [](double) {
                 return LossMix{1, 0, 0};
               }},
    LossScheme{"kl", "KL(teacher || student)", true,
               [](double) {
                 return LossMix{0, 1, 0};
               }},
    LossScheme{"kl_reverse", "KL(student || teacher)", true,
               [](double) {
                 return LossMix{0, 0, 1};
               }},
    LossScheme{"cakld", "beta KL(student || teacher) + (1 - beta) KL(teacher || student)", true,
               [](double beta) {
                 return LossMix{0, 1 - beta, beta};
               }},
};

constexpr double kLeastMass = 1e-12;

std::int64_t positions_at_once(const Head& head) {
  return std::max<std::int64_t>(16, kLogitsAtOnce / head.weight.size(0));
}

torch::Tensor wide_logits(const Head& head, std::int64_t first, std::int64_t n) {
  const auto x = head.hidden.narrow(0, first, n);
  const auto y = at::linear(x, head.weight,
                            head.bias.defined() ? std::optional(head.bias) : std::optional<torch::Tensor>());
  return y.to(y.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32);
}

// Loss of the positions, summed, and its gradient by the student's logits.
struct Piece {
  torch::Tensor sum, gradient;
};

// d loss / d logit_j = p_j (ce + forward + reverse (delta_j - KL(S || T))) - forward q_j - ce [j is the
// target], delta = log p - log q.
Piece piece(const LossMix& mix, const torch::Tensor& log_p, const torch::Tensor& targets,
            const torch::Tensor& log_q) {
  auto p = log_p.exp();
  auto sum = torch::zeros({}, log_p.options());
  torch::Tensor gradient;
  if (log_q.defined()) {
    const auto delta = log_p - log_q;
    auto q = log_q.exp();
    if (mix.forward != 0) sum -= mix.forward * q.mul(delta).sum();
    if (mix.reverse != 0) {
      const auto kl = p.mul(delta).sum(1, /*keepdim=*/true);
      sum += mix.reverse * kl.sum();
      gradient = delta.sub_(kl).mul_(mix.reverse).add_(mix.ce + mix.forward).mul_(p);
    }
    if (!gradient.defined()) gradient = p.mul_(mix.ce + mix.forward);
    if (mix.forward != 0) gradient.sub_(q.mul_(mix.forward));
  } else {
    gradient = p.mul_(mix.ce);
  }
  if (mix.ce != 0) {
    const auto column = targets.unsqueeze(1);
    sum -= mix.ce * log_p.gather(1, column).sum();
    gradient.scatter_(1, column, gradient.gather(1, column).sub_(mix.ce));
  }
  return {sum, gradient};
}

// The same with outcomes b = the k tokens and the rest: c_b = -forward q_b / p_b + reverse (log p_b - log q_b
// + 1) and d loss / d logit_j = p_j (c_b(j) - sum_b p_b c_b).
Piece top_piece(const LossMix& mix, const torch::Tensor& log_p, const torch::Tensor& targets,
                const TopTokens& top) {
  const auto rest = [](const torch::Tensor& logs) {
    return (1 - logs.exp().sum(1, /*keepdim=*/true)).clamp_min(kLeastMass).log();
  };
  const auto log_q =
      torch::cat({top.log_probabilities, rest(top.log_probabilities)}, 1).to(log_p.scalar_type());
  const auto mine = log_p.gather(1, top.ids);
  const auto log_b = torch::cat({mine, rest(mine)}, 1);  // the student's outcomes
  const auto p_b = log_b.exp(), q = log_q.exp(), delta = log_b - log_q;
  auto sum = (mix.reverse * p_b * delta - mix.forward * q * delta).sum();
  const auto c = mix.reverse * (delta + 1) - mix.forward * q / p_b;
  const auto k = top.ids.size(1);
  auto each = c.narrow(1, k, 1).expand_as(log_p).clone().scatter_(1, top.ids, c.narrow(1, 0, k));
  auto gradient = each.sub_((p_b * c).sum(1, /*keepdim=*/true)).mul_(log_p.exp());
  if (mix.ce != 0) {
    auto hard = piece({mix.ce, 0, 0}, log_p, targets, {});
    sum += hard.sum;
    gradient += hard.gradient;
  }
  return {sum, gradient};
}

struct VocabularyLoss : torch::autograd::Function<VocabularyLoss> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& hidden,
                               const torch::Tensor& weight, const std::optional<torch::Tensor>& bias,
                               const LossMix& mix, const torch::Tensor& targets, const TeacherView& teacher) {
    const Head student{hidden, weight.to(hidden.scalar_type()),
                       bias ? bias->to(hidden.scalar_type()) : torch::Tensor{}};
    const auto n = hidden.size(0);
    const double share = 1.0 / static_cast<double>(n);
    auto total = torch::zeros({}, hidden.options().dtype(torch::kFloat64));
    auto by_hidden = torch::empty_like(hidden);
    auto by_weight = weight.requires_grad() ? torch::zeros_like(weight) : torch::Tensor{};
    auto by_bias = bias && bias->requires_grad() ? torch::zeros_like(*bias) : torch::Tensor{};
    const auto step = positions_at_once(student);
    for (std::int64_t first = 0; first < n; first += step) {
      const auto m = std::min(step, n - first);
      const auto log_p = torch::log_softmax(wide_logits(student, first, m), 1);
      const auto wanted = targets.narrow(0, first, m);
      Piece part;
      if (teacher.top.ids.defined())
        part = top_piece(
            mix, log_p, wanted,
            {teacher.top.ids.narrow(0, first, m), teacher.top.log_probabilities.narrow(0, first, m)});
      else
        part =
            piece(mix, log_p, wanted,
                  teacher.whole.hidden.defined() ? torch::log_softmax(wide_logits(teacher.whole, first, m), 1)
                                                 : torch::Tensor{});
      total += part.sum.to(torch::kFloat64);
      const auto gradient = part.gradient.mul_(share).to(hidden.scalar_type());
      by_hidden.narrow(0, first, m).copy_(gradient.mm(student.weight));
      if (by_weight.defined()) {
        const auto x = hidden.narrow(0, first, m);
        if (by_weight.scalar_type() == gradient.scalar_type())
          by_weight.addmm_(gradient.t(), x);
        else
          by_weight.add_(gradient.t().mm(x));
      }
      if (by_bias.defined()) by_bias.add_(part.gradient.sum(0));
    }
    context->save_for_backward({by_hidden, by_weight, by_bias});
    return (total * share).to(hidden.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    torch::autograd::variable_list out(6);
    auto saved = context->get_saved_variables();
    for (std::size_t i = 0; i < 3; ++i)
      if (saved[i].defined()) out[i] = saved[i] * gradients[0].to(saved[i].scalar_type());
    return out;
  }
};

}  // namespace

std::span<const LossScheme> losses() {
  return kLosses;
}

const LossScheme& find_loss(std::string_view name) {
  std::vector<std::string> names;
  for (const auto& scheme : kLosses) {
    if (scheme.name == name) return scheme;
    names.emplace_back(scheme.name);
  }
  fail(ErrorCode::kConfig, "unknown loss '{}'{}", name, suggestion(name, names));
}

TopTokens top_tokens(const Head& teacher, std::int64_t k) {
  const torch::NoGradGuard no_grad;
  GYRE_CHECK(
      k >= 1 && k < teacher.weight.size(0), ErrorCode::kConfig,
      "train.teacher_top_k is {}; the vocabulary has {} tokens, of which at least one must be left over", k,
      teacher.weight.size(0));
  const auto n = teacher.hidden.size(0);
  std::vector<torch::Tensor> ids, logs;
  const auto step = positions_at_once(teacher);
  for (std::int64_t first = 0; first < n; first += step) {
    const auto [values, indices] =
        torch::log_softmax(wide_logits(teacher, first, std::min(step, n - first)), 1).topk(k, 1);
    ids.push_back(indices);
    logs.push_back(values);
  }
  return {torch::cat(ids), torch::cat(logs)};
}

torch::Tensor vocabulary_loss(const LossMix& mix, const Head& student, const torch::Tensor& targets,
                              const TeacherView& teacher) {
  GYRE_ASSERT(targets.dim() == 1 && targets.size(0) == student.hidden.size(0));
  GYRE_ASSERT((mix.forward == 0 && mix.reverse == 0) || teacher.whole.hidden.defined() ||
              teacher.top.ids.defined());
  return VocabularyLoss::apply(student.hidden, student.weight,
                               student.bias.defined() ? std::optional(student.bias) : std::nullopt, mix,
                               targets, teacher);
}

double mean_confidence(const Head& teacher) {
  const torch::NoGradGuard no_grad;
  const auto n = teacher.hidden.size(0);
  double sum = 0;
  const auto step = positions_at_once(teacher);
  for (std::int64_t first = 0; first < n; first += step)
    sum += torch::softmax(wide_logits(teacher, first, std::min(step, n - first)), 1)
               .amax(1)
               .sum(torch::kFloat64)
               .item<double>();
  return sum / static_cast<double>(n);
}

}  // namespace gyre
