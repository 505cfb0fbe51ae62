#pragma once
// Which features of a table differ between the classes of which task?
#include <string>
#include <vector>

#include "base/csv.hpp"
#include "evaluation/adjustment.hpp"
#include "evaluation/welch.hpp"

namespace cmtl {

struct FeatureTestOptions {
    std::string id_column = "ID", labels_id_column = "ID";
    std::vector<std::string> tasks;  // empty: see below
    PostHoc posthoc = PostHoc::games_howell;
    Adjustment adjustment = Adjustment::benjamini_hochberg;
};

struct FeatureTest {
    std::string feature, task;
    WelchAnova welch;
    double p_adjusted;  // over the features of the task
    std::vector<GroupSummary> groups;
    std::vector<PairComparison> pairs;  // positions are positions in `groups`
};

// Features and labels of the same cases.
struct FeatureCases {
    std::vector<std::string> features;
    std::vector<std::vector<double>> values;   // by feature, then case; NaN: missing
    std::vector<std::string> tasks;
    std::vector<std::vector<int64_t>> labels;  // by task, then case; negative: unknown
};

struct FeatureTests {
    std::vector<std::string> features;
    std::vector<std::pair<std::string, std::vector<int64_t>>> tasks;  // name and labels, rising: one group each
    int64_t cases = 0;                                                // that stand in both tables
    std::vector<std::string> unlabelled, unmeasured;                  // IDs of one table alone: left out
    std::vector<FeatureTest> tests;                                   // task by task, features in the table's order
    FeatureCases data;                                                // what was tested
};

// Features are the table's columns but for the ID; cells are numbers, empty ones, "nan" and "inf" are missing values.
// Tasks are the named columns of `labels`, else all of CT, NAT and Severity that it has, else its columns of 2 to 10
// different whole numbers; negative and empty labels are unknown. Missing values leave their case out of the feature's
// groups. Error(input), naming file, column or line, for: unknown ID or task columns, repeated or empty IDs, no common
// ID, cells that are no numbers, tables without features, a task whose known labels are of one class.
FeatureTests test_features(const CsvTable& table, const CsvTable& labels, const FeatureTestOptions& options);
// The same of numbers; a task whose known labels are of fewer than two classes is left out. Of `options` the methods
// alone count.
FeatureTests test_features(FeatureCases cases, const FeatureTestOptions& options);

// `feature,task,F,df1,df2,p,p_adjusted,reason`: what is not defined is empty, and `reason` says why.
CsvTable welch_table(const FeatureTests& tests);
// `feature,task,group_a,group_b,n_a,n_b,mean_a,mean_b,difference,t,df,p,reason`: p is adjusted for the pairs of the
// feature by the test itself.
CsvTable posthoc_table(const FeatureTests& tests);

}  // namespace cmtl
