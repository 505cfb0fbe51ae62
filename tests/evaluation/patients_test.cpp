#include "evaluation/patients.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "base/error.hpp"

namespace cmtl {
namespace {

std::string input_error(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::input);
        return error.what();
    }
    return "no error";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Anna has scans a, c and e; b and d are patients of their own.
const std::vector<std::string> ids{"a", "b", "c", "d", "e"}, whose{"Anna", "b", "Anna", "d", "Anna"};

Predictions scans() {
    return {ids,
            {{"CT", 2, {0.9, 0.1, 0.2, 0.8, 0.4, 0.6, 0.25, 0.75, 0.5, 0.5}, {-1, 0, 1, -1, 1}},
             {"Severity", 3, {.5, .3, .2, 0, 0, 1, .1, .7, .2, 1, 0, 0, .3, .5, .2}, {2, 0, -1, 1, 2}}}};
}

TEST(Patients, AreTheMeanOfTheirScans) {
    const Predictions p = by_patient(scans(), whose, "P");
    EXPECT_EQ(p.ids, (std::vector<std::string>{"Anna", "b", "d"}));
    ASSERT_EQ(p.tasks.size(), 2u);
    EXPECT_EQ(p.tasks[0].labels, (std::vector<int>{1, 0, -1}));
    EXPECT_EQ(p.tasks[1].labels, (std::vector<int>{2, 0, 1}));
    const std::vector<double> ct{0.6, 0.4, 0.2, 0.8, 0.25, 0.75}, severity{.3, .5, .2, 0, 0, 1, 1, 0, 0};
    ASSERT_EQ(p.tasks[0].probabilities.size(), ct.size());
    for (size_t i = 0; i < ct.size(); ++i) EXPECT_NEAR(p.tasks[0].probabilities[i], ct[i], 1e-15);
    ASSERT_EQ(p.tasks[1].probabilities.size(), severity.size());
    for (size_t i = 0; i < severity.size(); ++i) EXPECT_NEAR(p.tasks[1].probabilities[i], severity[i], 1e-15);
}

TEST(Patients, ComeFromAColumnOfATable) {
    const CsvTable table = parse_csv("PID,Patient\ne,Anna\nd,\nc,Anna\nz,Zoe\nb,b\na,Anna\n", "cohort.csv");
    EXPECT_EQ(patients_of(ids, table, "PID", "Patient"), whose);
    EXPECT_TRUE(has(input_error([&] { patients_of(ids, table, "PID", "Person"); }), "no column 'Person'"));
    EXPECT_TRUE(has(input_error([&] { patients_of(ids, table, "ID", "Patient"); }), "no column 'ID'"));
    EXPECT_TRUE(has(input_error([&] { patients_of({"a", "x", "b", "y"}, table, "PID", "Patient"); }),
                    "cohort.csv: 2 of the 4 predicted cases (x, y) do not stand in it"));
}

TEST(Patients, HaveOneLabelAndOneSubgroup) {
    Predictions p = scans();
    p.tasks[1].labels[4] = 1;
    const std::string text = input_error([&] { by_patient(p, whose, "run.csv"); });
    EXPECT_TRUE(has(text, "run.csv: patient Anna: Severity is 2 for scan a and 1 for scan e")) << text;
    const std::vector<std::string> sites{"", "Rome", "Bonn", "", "Bonn"}, torn{"Rome", "", "Bonn", "", ""};
    EXPECT_EQ(by_patient(sites, whose, "Site"), (std::vector<std::string>{"Bonn", "Rome", ""}));
    EXPECT_TRUE(has(input_error([&] { by_patient(torn, whose, "Site"); }),
                    "patient Anna: scans of different Site (Rome, Bonn)"));
}

}  // namespace
}  // namespace cmtl
