// A tree of settings becomes a RunConfig, checked against the describe() lists.
#pragma once

#include "config/compose.h"
#include "config/value.h"

namespace gyre::config {

// kConfig, with the origin, on unknown keys, wrong types, values out of range, and rules between settings.
Composed read_config(const Table& settings);

}  // namespace gyre::config
