#include "evaluation/predictions.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/files.hpp"

namespace cmtl {
namespace {

class PredictionsFile : public testing::Test {
  protected:
    fs::path path = fs::temp_directory_path() / ("cmtl_predictions_" + std::to_string(::getpid()) + ".csv");
    ~PredictionsFile() override { fs::remove(path); }

    std::string error_of(std::string_view text) {
        write_file(path, text);
        try {
            read_predictions(path);
        } catch (const Error& e) {
            EXPECT_EQ(e.kind(), ErrorKind::input);
            return e.what();
        }
        ADD_FAILURE() << "no error for\n" << text;
        return {};
    }
};

TEST_F(PredictionsFile, WhatIsWrittenReadsBack) {
    Predictions p;
    p.ids = {"a", "b, c", "d"};
    p.tasks = {{"CT", 2, {0.25, 0.75, 1, 0, 1.0 / 3, 2.0 / 3}, {1, -1, 0}},
               {"NAT", 2, {0.5, 0.5, 0.1, 0.9, 0.9, 0.1}, {-1, -1, -1}},
               {"Severity", 3, {0.2, 0.3, 0.5, 0, 0, 1, 1, 0, 0}, {2, 2, 0}}};
    write_predictions(path, p);
    EXPECT_TRUE(
        read_file(path).starts_with("ID,CT_0,CT_1,NAT_0,NAT_1,Severity_0,Severity_1,Severity_2,CT,Severity\na,0.25,0."
                                    "75,0.5,0.5,0.2,0.3,0.5,1,2\n\"b, c\",1,0,"))
        << read_file(path);
    const Predictions q = read_predictions(path);
    EXPECT_EQ(q.ids, p.ids);
    ASSERT_EQ(q.tasks.size(), 3u);
    for (size_t k = 0; k < 3; ++k) {
        EXPECT_EQ(q.tasks[k].name, p.tasks[k].name);
        EXPECT_EQ(q.tasks[k].classes, p.tasks[k].classes);
        EXPECT_EQ(q.tasks[k].labels, p.tasks[k].labels);
        ASSERT_EQ(q.tasks[k].probabilities.size(), p.tasks[k].probabilities.size());
        for (size_t i = 0; i < p.tasks[k].probabilities.size(); ++i)
            EXPECT_NEAR(q.tasks[k].probabilities[i], p.tasks[k].probabilities[i], 1e-9);
    }
    ASSERT_NE(q.find("NAT"), nullptr);
    EXPECT_EQ(q.find("NAT")->predicted(0), 0);
    EXPECT_EQ(q.find("Severity")->predicted(0), 2);
    EXPECT_EQ(q.find("none"), nullptr);
}

TEST_F(PredictionsFile, TwoTasksAndStrangeColumnsAreFine) {
    write_file(path, "Note,ID,Severity_0,Severity_1,Severity_2,CT_0,CT_1,Severity\nx,1,0.1,0.2,0.7,0.4,0.6,\n");
    const Predictions q = read_predictions(path);
    ASSERT_EQ(q.tasks.size(), 2u);
    EXPECT_EQ(q.tasks[0].name, "Severity");
    EXPECT_EQ(q.tasks[0].labels[0], -1);
    EXPECT_EQ(q.tasks[1].probability(0, 1), 0.6);
}

TEST_F(PredictionsFile, BadTablesAreRefusedWithLineAndCause) {
    const std::string file = path.string();
    EXPECT_NE(error_of("PID,CT_0,CT_1\n1,0,1\n").find("no column 'ID'"), std::string::npos);
    EXPECT_NE(error_of("ID,A,B\n1,0,1\n").find("no column 'CT_0'"), std::string::npos);
    EXPECT_NE(error_of("ID,CT_0\n1,0\n").find("no column 'CT_1'"), std::string::npos);
    EXPECT_NE(error_of("ID,CT_0,CT_1,CT_3\n1,0,1,0\n").find("column CT_3 without CT_2"), std::string::npos);
    EXPECT_NE(
        error_of("ID,CT_0,CT_1\n1,0,1\n1,0,1\n").find(file + ":3: column ID: '1' stands in " + file + ":2 already"),
        std::string::npos);
    EXPECT_NE(error_of("ID,CT_0,CT_1\n,0,1\n").find("empty ID"), std::string::npos);
    EXPECT_NE(error_of("ID,CT_0,CT_1\n1,-0.1,1.1\n").find("column CT_0: '-0.1' is no probability"), std::string::npos);
    EXPECT_NE(error_of("ID,CT_0,CT_1\n1,nan,1\n").find("not a finite number"), std::string::npos);
    EXPECT_NE(error_of("ID,CT_0,CT_1\n1,0.5,0.6\n").find("add up to 1.1, not 1"), std::string::npos);
    EXPECT_NE(error_of("ID,CT_0,CT_1,CT\n1,0.5,0.5,2\n").find("is no label of CT; use 0 to 1"), std::string::npos);
    EXPECT_NE(error_of("ID,CT_0,CT_1,CT\n1,0.5,0.5,0.5\n").find("not a whole number"), std::string::npos);
}

}  // namespace
}  // namespace cmtl
