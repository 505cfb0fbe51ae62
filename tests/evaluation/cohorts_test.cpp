#include "evaluation/cohorts.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "test_data.hpp"

namespace cmtl {
namespace {

// The message of the Error that `action` must throw.
template <class Action>
std::string error_of(ErrorKind kind, Action&& action) {
    try {
        action();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), kind) << error.what();
        return error.what();
    }
    ADD_FAILURE() << "no error";
    return {};
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Predictions three() {
    return {{"a", "b", "c"},
            {{"CT", 2, {0.9, 0.1, 0.2, 0.8, 0.4, 0.6}, {0, 1, -1}},
             {"Severity", 3, {0.5, 0.3, 0.2, 0.1, 0.1, 0.8, 0.2, 0.7, 0.1}, {-1, -1, -1}}}};
}

TEST(Cohorts, LabelsComeFromATable) {
    Predictions p = three();
    const CsvTable table = parse_csv("PID,CT,Severity\nc,1,\nb,0,2\nz,1,1\n", "labels.csv");
    attach_labels(p, table, "PID");
    EXPECT_EQ(p.tasks[0].labels, (std::vector<int>{0, 0, 1}));  // a keeps its own
    EXPECT_EQ(p.tasks[1].labels, (std::vector<int>{-1, 2, -1}));
    const auto text = error_of(ErrorKind::input, [&] { attach_labels(p, table, "ID"); });
    EXPECT_TRUE(has(text, "labels.csv: no column 'ID'")) << text;
    EXPECT_TRUE(has(error_of(ErrorKind::input, [&] { attach_labels(p, parse_csv("ID,X\na,1\n", "t"), "ID"); }),
                    "no column 'CT'"));
    EXPECT_TRUE(
        has(error_of(ErrorKind::input, [&] { attach_labels(p, parse_csv("ID,CT\na,2\n", "t"), "ID"); }), "use 0 to 1"));
    EXPECT_TRUE(has(error_of(ErrorKind::input, [&] { attach_labels(p, parse_csv("ID,CT\nx,1\n", "t"), "ID"); }),
                    "none of the 3"));
    EXPECT_TRUE(
        has(error_of(ErrorKind::input, [&] { attach_labels(p, parse_csv("ID,CT\na,1\nb,0\na,1\n", "t"), "ID"); }),
            "t:4: column ID: 'a' stands in t:2 already"));
}

TEST(Cohorts, ModelsAreBroughtToOneOrder) {
    Predictions first = three();
    Predictions second{
        {"c", "a", "b"},
        {{"Severity", 3, {1, 0, 0, 0, 1, 0, 0, 0, 1}, {0, -1, 2}}, {"CT", 2, {0.3, 0.7, 1, 0, 0.5, 0.5}, {1, 0, -1}}}};
    align(std::vector<NamedTable>{{"P1", &first}, {"P2", &second}});
    EXPECT_EQ(second.ids, first.ids);
    EXPECT_EQ(second.tasks[0].name, "CT");
    EXPECT_EQ(second.tasks[0].probabilities, (std::vector<double>{1, 0, 0.5, 0.5, 0.3, 0.7}));
    for (const Predictions* p : {&first, &second}) {
        EXPECT_EQ(p->tasks[0].labels, (std::vector<int>{0, 1, 1}));
        EXPECT_EQ(p->tasks[1].labels, (std::vector<int>{-1, 2, 0}));
    }
    const Predictions mean = mean_of(std::vector{first, second});
    EXPECT_DOUBLE_EQ(mean.tasks[0].probability(0, 1), 0.05);
    EXPECT_DOUBLE_EQ(mean.tasks[1].probability(1, 2), 0.9);

    const auto refusal = [&](const std::function<void(Predictions&)>& change) {
        Predictions a = three(), b = three();
        change(b);
        return error_of(ErrorKind::input, [&] { align(std::vector<NamedTable>{{"P1", &a}, {"P2", &b}}); });
    };
    EXPECT_TRUE(has(refusal([](Predictions& p) { p.ids[1] = "x"; }), "P2 lacks cases of P1: b"));
    EXPECT_TRUE(has(refusal([](Predictions& p) {
                        p.ids.push_back("d");
                        for (auto& t : p.tasks) {
                            t.labels.push_back(0);
                            for (int c = 0; c < t.classes; ++c) t.probabilities.push_back(0);
                        }
                    }),
                    "P1 lacks cases of P2: d"));
    EXPECT_TRUE(has(refusal([](Predictions& p) { p.tasks[0].labels[0] = 1; }), "case a: CT is 0 in P1 and 1 in P2"));
    EXPECT_TRUE(has(refusal([](Predictions& p) {
                        p.tasks[1] = {"Severity", 2, std::vector<double>(6, 0.5), {0, 0, 0}};
                    }),
                    "P2: Severity has 2 classes, in P1 it has 3"));
}

// The first knows neither NAT nor what the last knows of Severity.
TEST(Cohorts, ModelsNeedNotHaveTheSameTasks) {
    Predictions first = three(), nat{{"b", "a", "c"}, {{"NAT", 2, {1, 0, 0.5, 0.5, 0, 1}, {0, -1, -1}}}},
                last = three();
    first.tasks.pop_back();
    last.tasks.push_back({"NAT", 2, {0, 1, 1, 0, 0.5, 0.5}, {1, -1, 1}});
    std::swap(last.tasks[1], last.tasks[2]);
    align(std::vector<NamedTable>{{"P1", &first}, {"P2", &nat}, {"P3", &last}});
    EXPECT_EQ(first.tasks.size(), 1u);
    ASSERT_EQ(nat.tasks.size(), 1u);
    EXPECT_EQ(nat.ids, first.ids);
    EXPECT_EQ(nat.tasks[0].probabilities, (std::vector<double>{0.5, 0.5, 1, 0, 0, 1}));
    for (const Predictions* p : {&nat, &last}) EXPECT_EQ(p->find("NAT")->labels, (std::vector<int>{1, 0, 1}));
    const std::vector<const Predictions*> all{&first, &nat, &last};
    EXPECT_EQ(task_names(all), (std::vector<std::string>{"CT", "NAT", "Severity"}));
    EXPECT_EQ(last.tasks[1].name, "NAT");

    const Predictions mean = mean_of(std::vector{first, nat, last});
    ASSERT_EQ(mean.tasks.size(), 3u);
    EXPECT_EQ(mean.tasks[0].probabilities, first.tasks[0].probabilities);
    EXPECT_EQ(mean.tasks[1].probabilities, (std::vector<double>{0.25, 0.75, 1, 0, 0.25, 0.75}));
    EXPECT_EQ(mean.tasks[2].probabilities, last.tasks[2].probabilities);
    EXPECT_EQ(mean.tasks[1].labels, nat.tasks[0].labels);

    nat.tasks[0].labels[0] = 0;
    EXPECT_TRUE(has(error_of(ErrorKind::input,
                             [&] {
                                 align(std::vector<NamedTable>{{"P1", &first}, {"P2", &nat}, {"P3", &last}});
                             }),
                    "case a: NAT is 0 in P2 and 1 in P3"));
}

TEST(Cohorts, RunFoldersAndSubgroups) {
    const test::TemporaryFolder folder;
    write_predictions(folder / "predictions.csv", three());
    EXPECT_EQ(predictions_file(folder.path()), folder / "predictions.csv");
    write_predictions(folder / "predictions_val.csv", three());
    EXPECT_EQ(predictions_file(folder.path()), folder / "predictions_val.csv");
    write_file(folder / "predictions_test.csv", "ID,CT_0,CT_1\n");  // no test case
    EXPECT_EQ(predictions_file(folder.path()), folder / "predictions_val.csv");
    write_predictions(folder / "predictions_test.csv", three());
    EXPECT_EQ(predictions_file(folder.path()), folder / "predictions_test.csv");
    EXPECT_EQ(predictions_file(folder.path(), true), folder / "predictions_val.csv");
    EXPECT_EQ(predictions_file(folder / "predictions.csv"), folder / "predictions.csv");
    fs::create_directory(folder / "empty");
    EXPECT_TRUE(has(error_of(ErrorKind::input, [&] { predictions_file(folder / "empty"); }),
                    "looked for predictions_test.csv"));
    error_of(ErrorKind::input, [&] { predictions_file(folder / "none.csv"); });

    const CsvTable table = parse_csv("ID,Site\nb,Rome\na,Paris\nc,\n", "sites.csv");
    EXPECT_EQ(subgroups_of({"a", "b", "c", "d"}, table, "ID", "Site"),
              (std::vector<std::string>{"Paris", "Rome", "", ""}));
    EXPECT_TRUE(has(error_of(ErrorKind::input, [&] { subgroups_of({"a"}, table, "ID", "Sex"); }), "no column 'Sex'"));
    EXPECT_TRUE(
        has(error_of(ErrorKind::input, [&] { subgroups_of({"c"}, table, "ID", "Site"); }), "is empty for every"));
}

}  // namespace
}  // namespace cmtl
