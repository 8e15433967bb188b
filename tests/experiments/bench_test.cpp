// gyre bench: every variant is checked, timings reach the database and the page.
#include "program.h"

namespace gyre::testing {
namespace {

TEST(Bench, ChecksTimesAndRecordsEveryFamily) {
  const TemporaryFolder folder;
  const auto page = (folder / "page.md").string();
  const auto outcome = gyre(folder, {"bench", "fht", "fake_quant", "fused", "--quick", "--dtype", "f32",
                                     "--threads", "1", "-o", "json", "--report", page});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  for (const char* text : {"\"kernel\": \"fht\"", "\"kernel\": \"fake_quant\"",
                           "\"kernel\": \"fht+fake_quant\"", "\"variant\": \"torch.matmul\"",
                           "\"where\": \"cache\"", "\"where\": \"memory\"", "12 * 128", "sequency"})
    EXPECT_NE(outcome.out.find(text), std::string::npos) << text;
  const auto rows = store::RunStore(folder / "gyre.sqlite", true).kernel_timings();
  ASSERT_GE(rows.size(), 30u);
  for (const auto& row : rows) {
    EXPECT_GT(row.median_us, 0) << row.kernel << " " << row.variant;
    EXPECT_LE(row.p10_us, row.median_us);
    EXPECT_LE(row.median_us, row.p90_us);
    EXPECT_GT(row.bytes, 0);
    EXPECT_LE(row.max_error, 1e-4);
  }
  EXPECT_NE(bytes_of(page).find("## Hadamard transform: in cache"), std::string::npos);
}

TEST(Bench, RefusesUnknownKernelsAndDevices) {
  const TemporaryFolder folder;
  EXPECT_EQ(gyre(folder, {"bench", "fft"}).status, 2);
  EXPECT_EQ(gyre(folder, {"bench", "--dtype", "f8"}).status, 2);
  EXPECT_NE(gyre(folder, {"bench", "fht", "--quick", "--device", "tpu"}).status, 0);
}

}  // namespace
}  // namespace gyre::testing
