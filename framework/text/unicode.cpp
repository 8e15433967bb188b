#include "text/unicode.h"

#include <array>
#include <charconv>

#include "core/error.h"
#include "core/text.h"

namespace gyre::text {

void require_utf8(std::string_view text, std::string_view what) {
  if (const auto offset = find_invalid_utf8(text))
    fail(
        ErrorCode::kInput,
        "{}: byte 0x{:02X} at offset {} is not UTF-8; tokenizers are defined on UTF-8 text, convert it first",
        what, static_cast<unsigned char>(text[*offset]), *offset);
}

std::size_t utf8_length(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

namespace {

char32_t decode(std::string_view character) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  switch (character.size()) {
    case 1:
      return at(0);
    case 2:
      return (at(0) & 0x1Fu) << 6 | (at(1) & 0x3Fu);
    case 3:
      return (at(0) & 0x0Fu) << 12 | (at(1) & 0x3Fu) << 6 | (at(2) & 0x3Fu);
    default:
      return (at(0) & 0x07u) << 18 | (at(1) & 0x3Fu) << 12 | (at(2) & 0x3Fu) << 6 | (at(3) & 0x3Fu);
  }
}

bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

// Byte of each character of the alphabet, by code point; the characters lie below 324.
std::array<int, 324> byte_of_character() {
  std::array<int, 324> bytes;
  bytes.fill(-1);
  std::size_t next = 256;
  for (int b = 0; b < 256; ++b) {
    const bool printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
    bytes[printable ? static_cast<std::size_t>(b) : next++] = b;
  }
  return bytes;
}

}  // namespace

std::size_t leading_white_space(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size()) {
    const auto length = utf8_length(text[end]);
    if (!is_white_space(decode(text.substr(end, length)))) break;
    end += length;
  }
  return end;
}

std::size_t trailing_white_space(std::string_view text) {
  std::size_t begin = text.size();
  while (begin > 0) {
    std::size_t start = begin - 1;
    while (start > 0 && (text[start] & 0xC0) == 0x80) --start;
    if (!is_white_space(decode(text.substr(start, begin - start)))) break;
    begin = start;
  }
  return text.size() - begin;
}

std::size_t sole_space(std::string_view text) {
  const auto space = text.find(' ');
  return space != std::string_view::npos && text.find(' ', space + 1) == std::string_view::npos
             ? space
             : std::string_view::npos;
}

bool from_byte_alphabet(std::string_view token, std::string& bytes) {
  static const auto kBytes = byte_of_character();
  bytes.clear();
  for (std::size_t i = 0; i < token.size();) {
    const auto length = utf8_length(token[i]);
    const auto c = decode(token.substr(i, length));
    if (c >= kBytes.size() || kBytes[c] < 0) return false;
    bytes.push_back(static_cast<char>(kBytes[c]));
    i += length;
  }
  return true;
}

std::string to_byte_alphabet(std::string_view bytes) {
  static const auto kCharacters = [] {
    std::array<std::string, 256> characters;
    const auto of = byte_of_character();
    for (std::size_t c = 0; c < of.size(); ++c) {
      if (of[c] < 0) continue;
      auto& text = characters[static_cast<std::size_t>(of[c])];
      if (c < 0x80)
        text = {static_cast<char>(c)};
      else
        text = {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))};
    }
    return characters;
  }();
  std::string out;
  for (const char byte : bytes) out += kCharacters[static_cast<unsigned char>(byte)];
  return out;
}

int byte_token_value(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  int value = -1;
  const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, value, 16);
  return error == std::errc() && end == token.data() + 5 ? value : -1;
}

}  // namespace gyre::text
