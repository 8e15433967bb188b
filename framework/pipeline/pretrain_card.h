// The card of a model made by `gyre pretrain`: what it is, what it was made of, and how good it is.
#pragma once

#include <string>
#include <vector>

#include "model/llama_config.h"
#include "pipeline/pretrain_data.h"
#include "spec/pretrain.h"
#include "store/run_store.h"

namespace gyre {

struct CardFacts {
  std::string command;  // that makes it again
  std::string run;      // digest in the database
  std::string version;  // of the program
  std::string environment;
  std::int64_t n_parameters = 0;
  std::int64_t n_tokens = 0, n_documents = 0, listed = 0, leaked = 0;  // of the data
  std::uint64_t n_bytes = 0;
  std::vector<double> losses;  // a step each
  std::vector<store::MetricRow> metrics;
};

// README.md: Markdown, with the loss curve as a table of at most 40 parts of equal length.
std::string pretrain_card(const PretrainSpec& spec, const CardFacts& facts);

}  // namespace gyre
