// The parts of a tokenizer.json around its model.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "text/pre_tokenizer.h"
#include "text/tokenizer.h"

namespace gyre::text {

// Each throws kUnsupported naming the part that gyre does not know; nlohmann's exceptions pass through.
void read_normalizer(const nlohmann::json& node, Normalizer& out);

// Returns whether the pieces are then spelled in GPT-2's byte alphabet (a ByteLevel step).
bool read_pre_tokenizer(const nlohmann::json& node, PreTokenizer& out);

// The id of the token that the post-processor puts in front of a text, if it does.
std::optional<TokenId> read_leading_token(const nlohmann::json& node);

}  // namespace gyre::text
