// Unicode canonical composition (NFC), which Qwen2's tokenizer asks for, as far as it changes nothing.
#pragma once

#include <string_view>

namespace gyre::text {

// Returns when every character of text is one that NFC never changes and never joins with a neighbour; else
// kUnsupported with the offset of the first other one (a combining mark, a conjoining jamo, a compatibility
// form).
void require_composed(std::string_view text);

}  // namespace gyre::text
