#include "evaluation/report.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "evaluation/page.hpp"
#include "evaluation/svg.hpp"

namespace cmtl {
namespace {

// Every element that opens closes again, in order; attributes are quoted with '; returns what is wrong, or nothing.
std::string markup_fault(const std::string& html) {
    static const std::set<std::string> alone{"!doctype", "meta", "img"};
    std::vector<std::string> open;
    for (size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
        const size_t end = html.find('>', at);
        if (end == std::string::npos) return "no end of " + html.substr(at, 40);
        const std::string tag = html.substr(at + 1, end - at - 1);
        if (tag.find('<') != std::string::npos) return "a bare < before " + tag;
        const std::string name =
            tag.substr(tag[0] == '/' ? 1 : 0, tag.find_first_of(" /", 1) - (tag[0] == '/' ? 1 : 0));
        if (tag[0] == '/') {
            if (open.empty() || open.back() != tag.substr(1))
                return "</" + name + "> closes " + (open.empty() ? "nothing" : open.back());
            open.pop_back();
        } else if (tag.back() != '/' && !alone.contains(name)) {
            open.push_back(name);
        }
        if (tag == "style") at = html.find("</style>", at) - 1;
    }
    return open.empty() ? "" : "left open: " + open.back();
}

Predictions some(int cases) {
    Predictions p;
    p.tasks = {{"CT", 2, {}, {}}, {"NAT", 2, {}, {}}, {"Severity", 3, {}, {}}};
    for (int i = 0; i < cases; ++i) {
        p.ids.push_back("p" + std::to_string(i));
        for (TaskPredictions& t : p.tasks) {
            const double top = 0.4 + 0.05 * (i % 10);
            for (int c = 0; c < t.classes; ++c)
                t.probabilities.push_back(c == i % t.classes ? top : (1 - top) / (t.classes - 1));
            t.labels.push_back(i % 7 == 0 ? -1 : (i / 2) % t.classes);
        }
    }
    return p;
}

TrainingReport full_report() {
    TrainingReport r;
    r.title = "Run <1> & more";
    r.summary = {{"epochs", "40"}};
    r.curves = {{"Loss",
                 "epoch",
                 "loss",
                 {{"train", {1, 2, 3}, {0.9, std::nan(""), 0.5}}, {"val", {1, 2, 3}, {1, 0.9, 0.8}}},
                 2,
                 "best",
                 {},
                 {}},
                {"Empty", "epoch", "AUC", {{"CT", {}, {}}}, {}, "", {}, {}}};
    r.sets = {{"validation", some(30)}, {"test", {}}};
    r.settings = {{"Model", {{"dropout", "0.3"}, {"init", "<script>alert('x')</script>"}}}};
    r.warnings = {"case \"a\" & 'b' <failed>"};
    r.program = "cmtl_train 0.1.0";
    return r;
}

TEST(Report, TrainingPageIsWellFormedSelfContainedAndEscaped) {
    const std::string html = training_report_html(full_report());
    EXPECT_EQ(markup_fault(html), "");
    EXPECT_EQ(html.find("<script"), std::string::npos);
    EXPECT_EQ(html.find("http"), std::string::npos);
    EXPECT_EQ(html.find("<link"), std::string::npos);
    EXPECT_EQ(html.find("url("), std::string::npos);
    EXPECT_NE(html.find("Run &lt;1&gt; &amp; more"), std::string::npos);
    EXPECT_NE(html.find("case &quot;a&quot; &amp; &#39;b&#39; &lt;failed&gt;"), std::string::npos);
    EXPECT_NE(html.find("&lt;script&gt;"), std::string::npos);
    EXPECT_NE(html.find("Validation (30 cases)"), std::string::npos);
    EXPECT_EQ(html.find("Test ("), std::string::npos);  // a set without a case
    for (const char* piece :
         {"ROC, COVID-19 by CT", "ROC, Nucleic-acid test (NAT)", "ROC, Severity", "severe or critical",
          "prefers-color-scheme:dark", "@media print", "cmtl_train 0.1.0", "No values yet."})
        EXPECT_NE(html.find(piece), std::string::npos) << piece;
    EXPECT_EQ(html.find("nan"), std::string::npos);
    EXPECT_EQ(html.find("inf"), std::string::npos);
}

TEST(Report, PagesAreMadeFromNothingAndFromUnlabelledCases) {
    EXPECT_EQ(markup_fault(training_report_html({})), "");
    EXPECT_EQ(markup_fault(case_report_html({})), "");
    TrainingReport r;
    r.sets = {{"test", some(5)}};
    for (TaskPredictions& t : r.sets[0].predictions.tasks) t.labels.assign(5, -1);
    const std::string html = training_report_html(r);
    EXPECT_EQ(markup_fault(html), "");
    EXPECT_NE(html.find("n/a"), std::string::npos);
    EXPECT_NE(html.find("Not defined: both classes are needed."), std::string::npos);
}

TEST(Report, CasePageShowsProbabilitiesLungsTimeAndPicture) {
    CaseReport r;
    r.id = "patient <7>";
    r.source = "ct/\xff.nii.gz";  // a name that is no UTF-8
    r.tasks = {{"CT", {0.03, 0.97}, 1},
               {"Severity", {0.2, 0.3, 0.5}, -1},
               {"Other", {0.25, 0.25, 0.25, 0.25}, -1},
               {"NAT", {std::nan(""), std::nan("")}, -1}};
    r.right_litres = 2.4;
    r.left_litres = 2.04;
    r.timeline = {{"read", 0.5}, {"network", 1.5}};
    r.overlay_png = "\x89PNG";
    r.versions = {{"model", "run"}};
    const std::string html = case_report_html(r);
    EXPECT_EQ(markup_fault(html), "");
    for (const char* piece : {"patient &lt;7&gt;", "ct/\xEF\xBF\xBD.nii.gz", "97.0 %", "width:97.00%", ">known<",
                              "severe or critical", "class 3", "2.40 l", "2.04 l", "4.44 l", "total <b>2.00 s</b>",
                              "data:image/png;base64,iVBORw==", "not a medical device"})
        EXPECT_NE(html.find(piece), std::string::npos) << piece;
    EXPECT_EQ(html.find("nan"), std::string::npos);
}

TEST(Report, Base64AgreesWithRfc4648) {
    const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                           {"f", "Zg=="},
                                                           {"fo", "Zm8="},
                                                           {"foo", "Zm9v"},
                                                           {"foob", "Zm9vYg=="},
                                                           {"fooba", "Zm9vYmE="},
                                                           {"foobar", "Zm9vYmFy"}};
    for (const auto& [plain, coded] : vectors) EXPECT_EQ(base64(plain), coded);
    EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

TEST(Svg, TicksAreRoundAndCoverTheRange) {
    const auto expect = [](double low, double high, int wanted, const std::vector<double>& ticks) {
        const auto got = nice_ticks(low, high, wanted);
        ASSERT_EQ(got.size(), ticks.size()) << low << " " << high;
        for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], ticks[i], 1e-12 * std::abs(high));
    };
    expect(0, 1, 5, {0, 0.2, 0.4, 0.6, 0.8, 1});
    expect(0.13, 0.97, 5, {0, 0.2, 0.4, 0.6, 0.8, 1});
    expect(1, 40, 7, {0, 10, 20, 30, 40});
    expect(0, 0.005, 5, {0, 0.001, 0.002, 0.003, 0.004, 0.005});
    expect(-3, 3, 3, {-4, -2, 0, 2, 4});
    EXPECT_GE(nice_ticks(2, 2, 5).size(), 2u);
    EXPECT_GE(nice_ticks(0, 0, 5).size(), 2u);
}

TEST(Svg, LongCurvesAreThinnedAndGapsKept) {
    CurvePanel panel{"t", "step", "loss", {{"", {}, {}}}, {}, "", {}, {}};
    for (int i = 0; i < 50000; ++i) {
        panel.curves[0].x.push_back(i);
        panel.curves[0].y.push_back(i > 20000 && i < 30000 ? std::nan("") : 1 + i % 2);
    }
    const std::string svg = line_chart(panel);
    EXPECT_LT(svg.size(), 20000u);
    EXPECT_EQ(markup_fault(svg), "");
    const size_t path = svg.find("<path class='line c0' d='");
    ASSERT_NE(path, std::string::npos);
    const std::string d = svg.substr(path, svg.find("/>", path) - path);
    EXPECT_EQ(std::count(d.begin(), d.end(), 'M'), 2);
    EXPECT_EQ(std::count(d.begin(), d.end(), 'L') + 2, 481);
    EXPECT_EQ(svg.find("nan"), std::string::npos);
}

TEST(Svg, ValuesOverMoreThanTwoDecadesHaveALogarithmicAxis) {
    const CurvePanel panel{"t", "epoch", "loss", {{"a", {1, 2, 3}, {500, 50, 0.5}}}, {}, "", {}, {}};
    const std::string svg = line_chart(panel);
    // Four decades, 0.1 to 1000, over 240 units of the picture.
    for (const char* wanted : {"cy='32.1'", "cy='92.1'", "cy='212.1'", ">0.1<", ">1000<"})
        EXPECT_NE(svg.find(wanted), std::string::npos) << wanted;
}

TEST(Svg, OnePointAndConstantCurvesHaveAnAxis) {
    for (const std::vector<double>& y : {std::vector<double>{0.7}, {0.7, 0.7}, {0.0, 0.0}, {-2.0, 5.0}}) {
        CurvePanel panel{"t", "epoch", "loss", {{"a", {}, y}}, 1, "best", {}, {}};
        for (size_t i = 0; i < y.size(); ++i) panel.curves[0].x.push_back(double(i + 1));
        const std::string svg = line_chart(panel);
        EXPECT_EQ(markup_fault(svg), "");
        EXPECT_EQ(svg.find("nan"), std::string::npos);
        EXPECT_EQ(svg.find("inf"), std::string::npos);
        EXPECT_NE(svg.find("<circle"), std::string::npos);
    }
}

}  // namespace
}  // namespace cmtl
