#include "evaluation/report.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "evaluation/box_plot.hpp"
#include "evaluation/features_report.hpp"
#include "evaluation/page.hpp"
#include "evaluation/page_check.hpp"
#include "evaluation/svg.hpp"

namespace cmtl {
namespace {

using test::markup_fault;
using test::page_faults;

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

// Column "clear" follows the label, "weak" hardly does, "flat" is constant and "gaps" has missing values.
FeatureTests some_features(int cases) {
    FeatureCases data{{"weak", "clear", "flat", "gaps <1>"}, std::vector<std::vector<double>>(4), {"CT", "Severity"}, {{}, {}}};
    for (int i = 0; i < cases; ++i) {
        data.labels[0].push_back(i % 5 == 0 ? -1 : i % 2);
        data.labels[1].push_back(i % 3);
        data.values[0].push_back((i * 7) % 11 + 0.1 * (i % 3));
        data.values[1].push_back(10 * (i % 2) + 20 * (i % 3) + (i * 5) % 7);
        data.values[2].push_back(3);
        data.values[3].push_back(i % 4 == 0 ? std::nan("") : i % 3 + (i * 3) % 5);
    }
    return test_features(std::move(data), {});
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
    r.replicates = 50;
    r.cohort = {{"Cases <by> split", {"", "train", "val"}, {{"CT positive", "12", "3"}}, "1 case & its twin"}};
    r.features = some_features(40);
    r.gallery = {{"case <9>", "CT: worst error", {{"CT", {0.9, 0.1}, 1}}, {"\x89PNG", "heat & lungs", ""}}};
    return r;
}


using Faults = std::vector<std::string>;

TEST(Report, TrainingPageIsWellFormedSelfContainedAndEscaped) {
    const std::string html = training_report_html(full_report());
    EXPECT_EQ(page_faults(html), Faults());
    EXPECT_NE(html.find("Run &lt;1&gt; &amp; more"), std::string::npos);
    EXPECT_NE(html.find("case &quot;a&quot; &amp; &#39;b&#39; &lt;failed&gt;"), std::string::npos);
    EXPECT_NE(html.find("&lt;script&gt;"), std::string::npos);
    EXPECT_NE(html.find("Validation (30 cases)"), std::string::npos);
    EXPECT_EQ(html.find("Test ("), std::string::npos);  // a set without a case
    for (const char* piece :
         {"ROC, COVID-19 by CT", "ROC, Nucleic-acid test (NAT)", "ROC, Severity", "severe or critical",
          "prefers-color-scheme:dark", "@media print", "cmtl_train 0.1.0", "No values yet.", "Cases &lt;by&gt; split",
          "Precision and recall, Severity", "Reliability, COVID-19 by CT", "Operating points, Nucleic-acid test (NAT)",
          "clear by class of Severity", "case &lt;9&gt;", "heat &amp; lungs", "CT: worst error", ">chance<"})
        EXPECT_NE(html.find(piece), std::string::npos) << piece;
}

TEST(Report, PagesAreMadeFromNothingAndFromUnlabelledCases) {
    TrainingReport r;
    EXPECT_EQ(page_faults(training_report_html(r)), Faults());
    CaseReport nobody;
    nobody.id = "nobody";
    EXPECT_EQ(page_faults(case_report_html(nobody)), Faults());
    r.sets = {{"test", some(5)}};
    for (TaskPredictions& t : r.sets[0].predictions.tasks) t.labels.assign(5, -1);
    const std::string html = training_report_html(r);
    EXPECT_EQ(page_faults(html), Faults());
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
    r.overlay.png = "\x89PNG";
    r.versions = {{"model", "run"}};
    r.heat = {{"\x89PNG", "Grad-CAM", "CT: positive"}, {"", "none", "Severity"}};
    const std::string html = case_report_html(r);
    EXPECT_EQ(page_faults(html), Faults());
    EXPECT_EQ(test::count_of(html, "<img"), 2u);
    for (const char* piece : {"patient &lt;7&gt;", "ct/\xEF\xBF\xBD.nii.gz", "97.0 %", "width:97.00%", ">known<",
                              "severe or critical", "class 3", "2.40 l", "2.04 l", "4.44 l", "total <b>2.00 s</b>",
                              "data:image/png;base64,iVBORw==", "not a medical device", "CT: positive"})
        EXPECT_NE(html.find(piece), std::string::npos) << piece;
    EXPECT_EQ(html.find("nan"), std::string::npos);
}

TEST(Report, FeaturesPageShowsWhatDiffersMostFirst) {
    const FeatureTests tests = some_features(40);
    const std::string html = features_report_html(tests, {}, "table.csv & labels", {"2 cases <left out>"}, "cmtl_evaluate x");
    EXPECT_EQ(page_faults(html), Faults());
    for (const char* piece : {"table.csv &amp; labels", "2 cases &lt;left out&gt;", "gaps &lt;1&gt;", "Severity: adjusted p",
                              "1 of 4 features could not be tested", "Games and Howell"})
        EXPECT_NE(html.find(piece), std::string::npos) << piece;
    const size_t section = html.find("<h2>Severity</h2>");
    EXPECT_LT(html.find(">clear<", section), html.find(">weak<", section));
    EXPECT_EQ(html.find(">flat<"), std::string::npos);  // it is constant
    // Importances, where there are any, decide about the order, and what they leave out is not shown.
    const Importances trees = importances_of(parse_csv(
        "task,feature,gain,cover,weight,share\nSeverity,clear,10,5,3,0.25\nSeverity,weak,30,5,9,0.75\nCT,flat,1,1,1,1\n", "i.csv"));
    const std::string ranked = top_features_html(tests, 1, {.importances = &trees.at("Severity")});
    EXPECT_LT(ranked.find(">weak<"), ranked.find(">clear<"));
    EXPECT_NE(ranked.find("75.0 %"), std::string::npos);
    EXPECT_EQ(ranked.find("gaps"), std::string::npos);
}

TEST(Report, TheCheckOfPagesSeesWhatIsWrong) {
    const std::string good = training_report_html(full_report());
    const auto broken = [&](const std::string& from, const std::string& to) {
        std::string html = good;
        const size_t at = html.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        return page_faults(html.replace(at, from.size(), to)).size();
    };
    EXPECT_GT(broken("</table>", ""), 0u);
    EXPECT_GT(broken("src='data:", "src='file:"), 0u);
    EXPECT_GT(broken("<h1>", "<h1>https://example.org"), 0u);
    EXPECT_GT(broken("<th scope='row'>", "<th>"), 0u);
    EXPECT_GT(broken("<text class='label'", "<text"), 0u);
    EXPECT_GT(broken("<div class='legend'>", "<div>"), 0u);
    EXPECT_GT(broken(" alt='", " title='"), 0u);
    EXPECT_GT(broken("role='img'", "role='none'"), 0u);
    EXPECT_GT(broken("<section>", "<section id='a'><p id='a'></p>"), 0u);
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

// Values worked by hand from the definitions of numpy.percentile and matplotlib.cbook.boxplot_stats.
TEST(BoxPlot, SummaryIsTukeys) {
    const double nan = std::nan("");
    const BoxSummary box = box_summary(std::vector<double>{5, 1, nan, 2, 3, 4, 30, 6, -20});
    EXPECT_EQ(box.count, 8);
    EXPECT_DOUBLE_EQ(box.q1, 1.75);      // place 1.75 of -20 1 2 3 4 5 6 30
    EXPECT_DOUBLE_EQ(box.median, 3.5);
    EXPECT_DOUBLE_EQ(box.q3, 5.25);
    EXPECT_EQ(box.whisker_low, 1);       // within 1.75 - 5.25
    EXPECT_EQ(box.whisker_high, 6);
    EXPECT_EQ(box.outliers, (std::vector<double>{-20, 30}));
    EXPECT_TRUE(std::isnan(box_summary(std::vector<double>{nan}).median));
    const BoxSummary one = box_summary(std::vector<double>{7});
    EXPECT_EQ(one.whisker_low, 7);
    EXPECT_EQ(one.q3, 7);
    // numpy: q1 = 0, q3 = 2.5; all that lies within 3.75 of the box above 2.5 is the outlier's absence.
    const BoxSummary bare = box_summary(std::vector<double>{0, 0, 0, 10});
    EXPECT_DOUBLE_EQ(bare.q3, 2.5);
    EXPECT_DOUBLE_EQ(bare.whisker_high, 2.5);
    EXPECT_EQ(bare.outliers, (std::vector<double>{10}));
}

TEST(BoxPlot, FarOutliersAreCountedAndWideRangesLogarithmic) {
    std::vector<double> values{1, 2, 3, 4, 5, 6, 7, 8, 9};
    values.push_back(-500);
    const std::string far = box_chart("t", "value", {{"a", values}, {"mild or regular", {2, 3}}});
    EXPECT_EQ(markup_fault(far), "");
    EXPECT_NE(far.find("1 beyond the axis"), std::string::npos);
    EXPECT_NE(far.find(">mild or<"), std::string::npos);
    EXPECT_NE(far.find(">n = 10<"), std::string::npos);
    const std::string wide = box_chart("t", "value", {{"a", {1, 10, 100, 1e6}}, {"none", {}}});
    EXPECT_EQ(wide.find("beyond"), std::string::npos);
    EXPECT_NE(wide.find(">1e+06<"), std::string::npos);
    EXPECT_NE(wide.find(">n = 0<"), std::string::npos);
    EXPECT_EQ(box_chart("t", "value", {{"a", {}}}).find("<svg"), std::string::npos);
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
