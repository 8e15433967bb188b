// Whether a training text holds the text that the trained model is judged on.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace gyre {

// Where `length` tokens in a row are the same in both.
struct SharedTokens {
  std::int64_t train_at = 0, eval_at = 0, length = 0;
  std::int64_t n_windows = 0,
               n_shared = 0;  // of the evaluated text, and how many of them the training text holds
};

inline constexpr std::int64_t kLeakWindow = 64;

// Looks for the evaluated text's neighbouring windows of kLeakWindow tokens (or for the whole of a shorter
// text) at every place of the training text: passages of twice that length that both have are found wherever
// they begin. Windows of fewer than 8 different tokens (rulers, blanks) do not count. The first place in the
// training text.
std::optional<SharedTokens> find_shared_tokens(std::span<const std::int32_t> train,
                                               std::span<const std::int32_t> eval);

// Throws kConfig with the place when there is one; train_name and eval_name are what the settings say.
void refuse_leak(std::span<const std::int32_t> train, const std::string& train_name,
                 std::span<const std::int32_t> eval, const std::string& eval_name);

}  // namespace gyre
