#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "core/error.h"
#include "format/tensors.h"
#include "text/text_files.h"

namespace gyre::format {
namespace {

using testing::HasSubstr;

struct Row {
  DType dtype;
  const char* name;
  std::uint64_t values, bytes;  // of a block
};

constexpr Row kRows[] = {
    {DType::kF64, "F64", 1, 8},       {DType::kF32, "F32", 1, 4},      {DType::kF16, "F16", 1, 2},
    {DType::kBF16, "BF16", 1, 2},     {DType::kI64, "I64", 1, 8},      {DType::kI32, "I32", 1, 4},
    {DType::kI16, "I16", 1, 2},       {DType::kI8, "I8", 1, 1},        {DType::kU8, "U8", 1, 1},
    {DType::kBool, "BOOL", 1, 1},     {DType::kQ4_0, "Q4_0", 32, 18},  {DType::kQ4_1, "Q4_1", 32, 20},
    {DType::kQ5_0, "Q5_0", 32, 22},   {DType::kQ5_1, "Q5_1", 32, 24},  {DType::kQ8_0, "Q8_0", 32, 34},
    {DType::kQ4_K, "Q4_K", 256, 144}, {DType::kQ6_K, "Q6_K", 256, 210}};

TEST(DTypes, HaveTheirFormatsNamesAndSizes) {
  for (const auto& row : kRows) {
    EXPECT_STREQ(dtype_name(row.dtype), row.name);
    EXPECT_EQ(is_quantized(row.dtype), row.values > 1) << row.name;
    EXPECT_EQ(storage_bytes(row.dtype, 0), 0u) << row.name;
    EXPECT_EQ(storage_bytes(row.dtype, 5 * row.values), 5 * row.bytes) << row.name;
  }
}

TEST(DTypes, RefusePartsOfABlock) {
  for (const auto& row : kRows) {
    if (row.values == 1) continue;
    const auto error = error_of([&] { storage_bytes(row.dtype, row.values + row.values / 2); });
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_THAT(error.what(), HasSubstr(row.name));
  }
}

TEST(DTypes, RefuseCountsWhoseBytesOverflow) {
  const auto most = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(storage_bytes(DType::kU8, most), most);
  EXPECT_EQ(storage_bytes(DType::kF32, most / 4), most / 4 * 4);
  EXPECT_EQ(error_of([&] { storage_bytes(DType::kF32, most / 4 + 1); }).code(), ErrorCode::kInput);
  EXPECT_EQ(error_of([&] { storage_bytes(DType::kQ8_0, most / 32 * 32); }).code(), ErrorCode::kInput);
}

TEST(TensorView, CountsItsValues) {
  EXPECT_EQ((TensorView{"scalar", DType::kF32, {}, {}}).numel(), 1);
  EXPECT_EQ((TensorView{"empty", DType::kF32, {3, 0, 2}, {}}).numel(), 0);
  EXPECT_EQ((TensorView{"cube", DType::kF32, {3, 5, 2}, {}}).numel(), 30);
}

}  // namespace
}  // namespace gyre::format
