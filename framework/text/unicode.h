// The little that tokenizers need to know about UTF-8 and Unicode by themselves.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gyre::text {

// kInput with the offset of the first byte that is not UTF-8; what: "text", or a file's name.
void require_utf8(std::string_view text, std::string_view what);

// Bytes of the character that starts with this byte, in text that is UTF-8.
std::size_t utf8_length(char first);

// How many bytes of Unicode white space (property White_Space) text starts or ends with.
std::size_t leading_white_space(std::string_view text);
std::size_t trailing_white_space(std::string_view text);

// Where the only space of a merge "left right" is; npos when there is none or more than one.
std::size_t sole_space(std::string_view text);

// GPT-2's alphabet: every byte has a printable character. Bytes of a token written in it; false when some
// character is not of the alphabet (added tokens may be written plainly).
bool from_byte_alphabet(std::string_view token, std::string& bytes);
// Bytes written in it.
std::string to_byte_alphabet(std::string_view bytes);

// The value of a byte token, "<0x0A>" -> 10; -1 for every other text.
int byte_token_value(std::string_view token);

}  // namespace gyre::text
