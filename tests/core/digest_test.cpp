#include "core/digest.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/error.h"
#include "core/files.h"

namespace gyre {
namespace {
namespace fs = std::filesystem;

// FIPS 180-4 example values.
TEST(Sha256, GivesThePublishedDigests) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(FileDigest, IsTheDigestOfItsBytes) {
  const auto path = fs::temp_directory_path() / "gyre_digest_test";
  const std::string bytes(3'000'000, 'x');
  write_file_atomically(path, bytes);
  EXPECT_EQ(file_digest(path), sha256_hex(bytes));
  EXPECT_EQ(read_file(path), bytes);
  fs::remove(path);
}

TEST(FileDigest, SaysWhatCannotBeRead) {
  EXPECT_THROW(file_digest("/nonexistent/file"), Error);
  EXPECT_THROW(file_digest(fs::temp_directory_path()), Error);
}

TEST(Sha256, DoesNotDependOnThePieces) {
  const std::string text = "the quick brown fox jumps over the lazy dog";
  Sha256 sha;
  for (const char c : text) sha.update(std::string_view(&c, 1));
  EXPECT_EQ(sha.hex(), sha256_hex(text));
}

}  // namespace
}  // namespace gyre
