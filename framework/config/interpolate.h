// ${...} inside texts, and the mandatory mark.
#pragma once

#include "config/value.h"

namespace gyre::config {

// Replaces, in every text of the tree, ${a.b} by the setting a.b (its built-in default where nothing sets it)
// and
// ${env:NAME} or ${env:NAME,default} by the environment. A text that is one ${...} and nothing else takes the
// value with its type. kConfig on unknown names, circles, missing variables, and on any "???" that is left.
Table resolved(const Table& settings);

}  // namespace gyre::config
