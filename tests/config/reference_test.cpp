#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/compose.h"
#include "core/files.h"

namespace gyre::config {
namespace {

TEST(ConfigReference, NamesEverySetting) {
  const auto text = config_reference();
  for (const auto& [key, value] : params(RunConfig{}))
    EXPECT_THAT(text, testing::HasSubstr("| `" + key + "` | `" + value + "` |"));
}

TEST(ConfigReference, IsWhatTheRepositoryHolds) {
  EXPECT_EQ(read_file(GYRE_SOURCE_DIR "/docs/CONFIG.md"), config_reference())
      << "docs/CONFIG.md is out of date; run scripts/generate_docs and commit what it writes";
}

}  // namespace
}  // namespace gyre::config
