// Reports in a browser, a made one and the committed one of the reference sweep: no message on the console,
// no request, tables sort, figures are there. Not run where there is no Chromium.
#include <gmock/gmock.h>
#include <stdio.h>

#include <array>
#include <fstream>
#include <regex>

#include "analysis/report.h"
#include "analysis/synthetic.h"
#include "core/files.h"

namespace gyre::analysis {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::Not;

std::string output_of(const std::string& command) {
  std::string out;
  std::array<char, 4096> piece;
  FILE* pipe = ::popen(command.c_str(), "r");
  for (std::size_t n; pipe && (n = ::fread(piece.data(), 1, piece.size(), pipe)) > 0;)
    out.append(piece.data(), n);
  if (pipe) ::pclose(pipe);
  return out;
}

// Runs after the page's own script: presses a header of the table TABLE twice, and writes what it saw into
// the page.
constexpr const char* kProbe = R"js(<script>
var t=document.querySelector("#TABLE"),h=t.querySelectorAll("th")[2],out=[];
function column(){return Array.from(t.tBodies[0].rows).map(function(r){return r.cells[2].getAttribute("data-v");});}
function sorted(sign){var v=column(),n=v.findIndex(function(x){return x===null;});if(n<0)n=v.length;
  return v.slice(n).every(function(x){return x===null;})&&v.slice(0,n).every(function(x,i){return i===0||sign*(x-v[i-1])>=0;})&&n>3;}
h.click();out.push("up="+sorted(1)+h.getAttribute("aria-sort"));h.click();out.push("down="+sorted(-1)+h.getAttribute("aria-sort"));
out.push("figures="+Array.from(document.querySelectorAll("figure svg")).filter(function(s){return s.getBoundingClientRect().height>100;}).length);
out.push("requests="+performance.getEntriesByType("resource").length);
out.push("overflow="+(document.documentElement.scrollWidth>document.documentElement.clientWidth));
var ids=Array.from(document.querySelectorAll("[id]")).map(function(e){return e.id;});
out.push("repeated="+ids.filter(function(x,i){return ids.indexOf(x)!==i;}).length);
document.body.setAttribute("data-probe",out.join(" "));
</script>)js";

class SlowBrowserTest : public SyntheticFixture {
 protected:
  void SetUp() override {
    SyntheticFixture::SetUp();
    const auto found =
        output_of("command -v chromium || command -v chromium-browser || command -v google-chrome");
    if (found.empty()) GTEST_SKIP() << "no Chromium is installed (Debian: apt-get install chromium)";
    chromium_ = found.substr(0, found.find('\n'));
  }

  // The page as it stands after the probe ran in a window of that width.
  std::string opened(std::string html, const std::string& table, int width) {
    std::string probe = kProbe;
    probe.replace(probe.find("TABLE"), 5, table);
    html.insert(html.rfind("</body>"), probe);
    std::ofstream(folder_ / "report.html", std::ios::binary) << html;
    return output_of(
        chromium_ +
        " --headless --no-sandbox --disable-gpu --enable-logging=stderr --log-level=0 --user-data-dir=" +
        (folder_ / "profile").string() + " --window-size=" + std::to_string(width) +
        ",900 --dump-dom file://" + (folder_ / "report.html").string() + " 2>&1");
  }

  void expect_works(const std::string& html, const std::string& table) {
    for (const int width : {1280, 500}) {
      const auto dom = opened(html, table, width);
      std::smatch found;
      ASSERT_TRUE(std::regex_search(dom, found, std::regex("data-probe=\"([^\"]*)\"")))
          << dom.substr(0, 2000);
      const std::string result = found[1];
      EXPECT_THAT(result, HasSubstr("up=trueascending down=truedescending"));
      EXPECT_THAT(result, ::testing::MatchesRegex(".*figures=1[0-9] .*"));
      EXPECT_THAT(result, HasSubstr("requests=0 overflow=false repeated=0"));
      EXPECT_THAT(dom, Not(HasSubstr("CONSOLE")));
    }
  }

  std::string chromium_;
};

TEST_F(SlowBrowserTest, OpensSortsAndAsksForNothing) {
  fill({.n_layers = 3, .n_windows = 3});
  add_kernels();
  expect_works(make_report(*store_, {"", "gyre report --db x.sqlite"}, false).html, "synthetic-sweep-table");
}

TEST_F(SlowBrowserTest, OpensTheReportOfTheReferenceSweep) {
  const auto file = std::filesystem::path(GYRE_SOURCE_DIR) / "results/smollm2_ptq.html";
  expect_works(read_file(file), "smollm2-ptq-table");
}

}  // namespace
}  // namespace gyre::analysis
