// Prints docs/CONFIG.md on stdout; scripts/generate_docs puts it there.
#include <fmt/core.h>

#include "config/compose.h"

int main() {
  fmt::print("{}", gyre::config::config_reference());
}
