// Settings of runs as row and column names.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/run_store.h"

namespace gyre::analysis {

// The text of a TOML scalar: quotes and escapes taken off.
std::string unquoted(std::string_view value);

// A setting of the run as text; "" when it has no such setting.
std::string setting(const store::RunRow& run, std::string_view key);

// Keys that are no settings: "rotation" and "bits", the two halves of a run's label, and "grid", the levels
// of its weights.
bool is_derived(std::string_view key);

// The levels of a quantizer at "weight", "activation", "key" or "value": "symmetric", "levels without zero",
// "asymmetric (real zero point)"; "" where nothing is quantized.
std::string grid_text(const store::RunRow& run, const std::string& site);

// The run's name under a key, a setting or a derived one.
std::string name_under(const store::RunRow& run, const std::string& key);

// Neither rotated nor quantized, by its label.
bool is_full_precision(const store::RunRow& run);

// kUsage, with a suggestion, unless every key is derived or a setting of one of the runs and named once.
void check_keys(const std::vector<store::RunRow>& runs, const std::vector<std::string>& keys);

// Leaves the runs whose name under each key of `where` is a value that stands beside it there (either one,
// where it stands with several). kUsage: an unknown key, or a value that no run has, with those that there
// are.
void keep_where(std::vector<store::RunRow>& runs,
                const std::vector<std::pair<std::string, std::string>>& where);

// Settings in which two runs differ, of those that are part of both runs' identity. Settings that count for
// one run alone (those of a scheme that the other does not use, or that are newer than the other) are added
// where nothing else but seed and replica tells the two apart.
std::vector<std::string> differing_settings(const store::RunRow& a, const store::RunRow& b);

// Whether runs that differ in this setting alone are repetitions of one experiment: seed and replica.
bool is_repetition(const std::string& key);

// At the end of the list, unless it is there.
void add_once(std::vector<std::string>& list, const std::string& text);

}  // namespace gyre::analysis
