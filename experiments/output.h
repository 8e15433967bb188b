// What verbs print on stdout.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/run_store.h"

namespace gyre {

// {"run", "label", "status", "metrics": [{name, value, stderr, n}], "seconds": {stage: s}, "params",
// "error"}: one run of `-o json`. Values that are not finite are null.
std::string run_json(const store::RunRow& run);
std::string runs_json(const std::vector<store::RunRow>& runs);

// Aligned columns for a terminal; the first row is the header.
std::string columns(const std::vector<std::vector<std::string>>& rows);

// A word of a shell command, quoted where it must be.
std::string shell_word(const std::string& text);

// text to stdout, or atomically to file when one is named.
void emit(std::string_view text, const std::string& file);

}  // namespace gyre
