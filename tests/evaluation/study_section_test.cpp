#include "evaluation/study_section.hpp"

#include <gtest/gtest.h>

#include "evaluation/page.hpp"
#include "evaluation/page_check.hpp"

namespace cmtl {
namespace {

// Four cases of two classes; the scores of class 1.
NamedPredictions part(const std::string& name, const std::vector<double>& scores) {
    NamedPredictions p{name, {{}, {{"CT", 2, {}, {0, 0, 1, 1}}, {"Grade", 3, {}, {0, 1, 2, -1}}}}};
    for (size_t i = 0; i < 4; ++i) {
        p.predictions.ids.push_back(name + std::to_string(i));
        const double q = scores[i];
        p.predictions.tasks[0].probabilities.insert(p.predictions.tasks[0].probabilities.end(), {1 - q, q});
        for (size_t c = 0; c < 3; ++c) p.predictions.tasks[1].probabilities.push_back(c == i ? 0.5 : 0.25);
    }
    return p;
}

// Cells of the row that this heads.
std::vector<std::string> row(const std::string& html, const std::string& head) {
    const size_t at = html.find("<th scope='row'>" + head + "</th>");
    if (at == std::string::npos) return {"no row " + head};
    std::vector<std::string> cells;
    for (const std::string& cell : test::pieces(html.substr(at, html.find("</tr>", at) - at), "<td>", "</td>"))
        cells.push_back(cell.substr(4, cell.size() - 9));
    return cells;
}

using Cells = std::vector<std::string>;

// CT's AUC by hand: 4, 3 and 2 of 4 pairs in order; their mean 0.75, squares of 0.25, 0, -0.25, hence deviation 0.25.
TEST(StudySection, SumsUpPartsByMeanAndDeviation) {
    const StudyParts study{"Folds of <x>",
                           "Fold",
                           {part("a", {.1, .2, .3, .4}), part("b", {.1, .3, .2, .4}), part("c", {.1, .3, .2, .2})},
                           part("pooled", {.1, .2, .3, .4}),
                           "a note & more"};
    const std::string html = study_section(study);
    EXPECT_EQ(test::markup_fault(html), "");
    EXPECT_EQ(row(html, "a")[0], "4");
    EXPECT_EQ(row(html, "a")[1].substr(0, 5), "1.000");
    EXPECT_EQ(row(html, "b")[1].substr(0, 5), "0.750");
    EXPECT_EQ(row(html, "c")[1].substr(0, 5), "0.500");
    EXPECT_EQ(row(html, "mean"), (Cells{"", "0.750", "1.000"}));
    EXPECT_EQ(row(html, "standard deviation"), (Cells{"", "0.250", "0.000"}));
    EXPECT_EQ(row(html, "pooled")[1].substr(0, 5), "1.000");
    for (const char* piece : {"Folds of &lt;x&gt;", "a note &amp; more", "CT AUC (95 % CI)", "Grade AUC (macro)",
                              "b: AUC 0.750", "pooled: AUC 1.000", "ROC, Grade: class 2"})
        EXPECT_NE(html.find(piece), std::string::npos) << piece;
    EXPECT_EQ(test::count_of(html, "<svg"), 4u);  // CT, and each class of Grade
    EXPECT_EQ(test::page_faults(html_page("t", "s", html, "f")), std::vector<std::string>());
}

TEST(StudySection, ManyPartsHaveATableAlone) {
    StudyParts study{"Folds", "Fold", {}, part("pooled", {.1, .2, .3, .4}), ""};
    EXPECT_EQ(study_section(study), "");
    for (int i = 0; i < 7; ++i) study.parts.push_back(part(std::to_string(i), {.1, .2, .3, .4}));
    EXPECT_NE(study_section(study).find("<svg"), std::string::npos);
    study.parts.push_back(part("last", {.1, .2, .3, .4}));
    EXPECT_EQ(study_section(study).find("<svg"), std::string::npos);
    // A part of one class alone has no AUC, and neither then have mean and deviation.
    study.parts.back().predictions.tasks[0].labels = {1, 1, 1, 1};
    EXPECT_EQ(row(study_section(study), "last")[1], "n/a");
    EXPECT_EQ(row(study_section(study), "mean")[1], "n/a");
}

}  // namespace
}  // namespace cmtl
