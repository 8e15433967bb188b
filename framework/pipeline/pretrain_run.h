// `gyre pretrain`, from its settings to a Hugging Face folder and a row in the database.
#pragma once

#include <cstdint>
#include <string>

#include "spec/pretrain.h"
#include "store/run_store.h"

namespace gyre {

// What it would do: sizes, parameters, tokens, memory, and whether tokenizer and tokens are made already.
// Opens the texts for their digests, and trains nothing. database: whose folder holds the cache.
std::string pretrain_plan(const PretrainSpec& spec, const std::filesystem::path& database);

// Makes the model in spec.out, which must not be there yet, and records the run. A training that was
// interrupted or killed goes on from its last state beside the database, to the same bits on the CPU. Returns
// the run's digest; its status is "ok", or "diverged" where no model is written. Errors are recorded and
// thrown: kConfig and kInput before the first step. command: for the model's card.
std::string run_pretrain(const PretrainSpec& spec, store::RunStore& store, const std::string& command);

}  // namespace gyre
