#include "text/corpus.h"

#include "core/digest.h"
#include "text_files.h"

namespace gyre {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class CorpusTest : public TextFiles {};

// The rows of the published protocol: "\n\n".join(rows), a row keeping its newline, a blank row being "".
TEST_F(CorpusTest, WikitextIsJoinedAsPublished) {
  const auto corpus = load_corpus("wikitext2");
  EXPECT_EQ(corpus.text.size(), 1296370u);
  EXPECT_THAT(corpus.digest, StartsWith("696cca6b"));
  EXPECT_EQ(corpus.digest, sha256_hex(corpus.text));
  EXPECT_EQ(corpus.rule, "rows joined by \\n\\n");
  EXPECT_THAT(corpus.text, StartsWith("\n\n = Robert Boulter = \n\n\n\n\n Robert Boulter is"));
}

TEST_F(CorpusTest, EveryNamedTextCanBeLoaded) {
  for (const auto& entry : corpora()) {
    const auto corpus = load_corpus(std::string(entry.name));
    EXPECT_EQ(corpus.name, entry.name);
    EXPECT_GT(corpus.text.size(), 50000u);
  }
}

TEST_F(CorpusTest, OtherFilesAreTakenAsTheyAre) {
  const auto path = write("mine.txt", " a\n\n b\n");
  const auto corpus = load_corpus(path.string());
  EXPECT_EQ(corpus.text, " a\n\n b\n");
  EXPECT_EQ(corpus.name, "mine");
  EXPECT_EQ(corpus.rule, "file as it is");
}

TEST_F(CorpusTest, MissingTextsNameTheKnownOnes) {
  auto error = error_of([] { load_corpus("wikitext3"); });
  EXPECT_EQ(error.code(), ErrorCode::kInput);
  EXPECT_THAT(error.what(), HasSubstr("did you mean 'wikitext2'?"));
  EXPECT_THAT(error_of([] { load_corpus("/no/such/file/at/all"); }).what(), HasSubstr("wikitext2-valid"));
}

TEST_F(CorpusTest, TextThatIsNotUtf8OrEmptyIsRefused) {
  const auto error = error_of([&] { load_corpus(write("latin1.txt", "caf\xe9\n").string()); });
  EXPECT_EQ(error.code(), ErrorCode::kInput);
  EXPECT_THAT(error.what(), HasSubstr("offset 3"));
  EXPECT_EQ(error_of([&] { load_corpus(write("empty.txt", "").string()); }).code(), ErrorCode::kInput);
}

}  // namespace
}  // namespace gyre
