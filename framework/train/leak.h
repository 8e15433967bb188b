// Whether a text that a model is made with holds the text that it is judged on.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace gyre {

// Where `length` tokens in a row are the same in both.
struct SharedTokens {
  std::int64_t train_at = 0, eval_at = 0, length = 0;
  std::int64_t n_windows = 0,
               n_shared = 0;  // of the evaluated text, and how many of them the training text holds
  std::vector<std::int64_t> places = {};  // in the training text, where one of them begins; train_at first
};

inline constexpr std::int64_t kLeakWindow = 64;

// Looks for the evaluated text's neighbouring windows of kLeakWindow tokens (or for the whole of a shorter
// text) at every place of the training text: passages of twice that length that both have are found wherever
// they begin. Windows of fewer than 8 different tokens (rulers, blanks) do not count. The first place in the
// training text.
std::optional<SharedTokens> find_shared_tokens(std::span<const std::int32_t> train,
                                               std::span<const std::int32_t> eval);

// The share of evaluated text in what is read of the training text: n tokens from each of the starts.
double shared_share(const SharedTokens& shared, std::span<const std::int64_t> starts, std::int64_t n);
// Up to here it does no harm: articles on one subject quote each other.
inline constexpr double kQuotedShare = 0.01;

// What a text is for, as errors say it.
struct TextUse {
  std::string_view setting, name, doing;  // "train.path", its value, "training"
};
// Throws kConfig with the first place; eval_name is the value of eval.dataset.
[[noreturn]] void refuse_leak(const SharedTokens& shared, const TextUse& use, std::string_view eval_name);

}  // namespace gyre
