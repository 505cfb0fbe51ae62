// Feature tables and scaling.
#include "pipeline/feature_table.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <numeric>

#include "training/training_fixtures.hpp"

namespace cmtl {
namespace {

using test::expect_error;

struct FeatureTables : testing::Test {
    test::Folder folder;
    FeatureTable read(const std::string& text, const std::string& id = "ID") {
        return read_feature_table(folder.write("table.csv", text), id);
    }
};

TEST_F(FeatureTables, AreReadWithTheIdColumnAnywhere) {
    const FeatureTable table = read("Mean,PID,Max\n1.5,a,2\n-3e11,b,4\n", "PID");
    EXPECT_EQ(table.names, (std::vector<std::string>{"Mean", "Max"}));
    EXPECT_EQ(table.ids, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(table.row(*table.find("b"))[0], -3e11);
    EXPECT_FALSE(table.find("c"));
}

TEST_F(FeatureTables, NameWhatIsWrong) {
    expect_error(ErrorKind::input, {"table.csv:3", "Max", "nan"}, [&] { read("ID,Mean,Max\na,1,2\nb,1,nan\n"); });
    expect_error(ErrorKind::input, {"table.csv:2", "Mean", "inf"}, [&] { read("ID,Mean,Max\na,inf,2\n"); });
    expect_error(ErrorKind::input, {"table.csv:2", "Mean"}, [&] { read("ID,Mean,Max\na,,2\n"); });
    expect_error(ErrorKind::input, {"table.csv:3", "'a'", "twice", "table.csv:2"},
                 [&] { read("ID,Mean\na,1\na,2\n"); });
    expect_error(ErrorKind::input, {"no column 'ID'", "PID", "--id-column"}, [&] { read("PID,Mean\na,1\n"); });
    expect_error(ErrorKind::input, {"no feature column"}, [&] { read("ID\na\n"); });
}

TEST_F(FeatureTables, AreBroughtIntoTheModelsOrder) {
    const FeatureTable table = read("ID,A,B,C\nx,1,2,3\n");
    const FeatureTable chosen = select_features(table, {"C", "A"}, 2, "model M");
    EXPECT_EQ(chosen.row(0)[0], 3);
    EXPECT_EQ(chosen.row(0)[1], 1);
    EXPECT_EQ(*chosen.find("x"), 0u);
    expect_error(ErrorKind::input, {"1 of the 2 features of model M are absent", "(D)"}, [&] {
        select_features(table, {"A", "D"}, 2, "model M");
    });
    expect_error(ErrorKind::input, {"3 feature columns", "model M takes 375"},
                 [&] { select_features(table, {}, 375, "model M"); });
}

TEST_F(FeatureTables, ScaleByTheTrainingRowsOnly) {
    const FeatureTable table = read("ID,A,B,C\ntrain1,10,7,-1\ntrain2,20,7,3\nother,40,9,1\n");
    const std::vector<size_t> rows{0, 1};
    const FeatureScaler scaler = fit_scaler(table, rows, "minmax");
    std::vector<float> out(3);
    scaler.apply(table.row(2), out);
    EXPECT_FLOAT_EQ(out[0], 3.0f);  // (40 - 10) / (20 - 10): beyond the training range, and not limited
    EXPECT_FLOAT_EQ(out[1], 0.0f);  // constant among the training cases
    EXPECT_FLOAT_EQ(out[2], 0.5f);
}

TEST_F(FeatureTables, HugeFeaturesKeepTheirDigits) {
    const FeatureTable table = read("ID,E\na,1000000000000\nb,1000000000001\nc,1000000000002\n");
    const std::vector<size_t> rows{0, 1, 2};
    std::vector<float> out(1);
    fit_scaler(table, rows, "minmax").apply(table.row(1), out);
    EXPECT_FLOAT_EQ(out[0], 0.5f);  // in single precision all three would be one value
}

TEST_F(FeatureTables, EveryMethodIsMonotoneAndSurvivesJson) {
    std::string text = "ID,A\n";
    for (int i = 0; i < 50; ++i) text += fmt::format("c{},{}\n", i, std::pow(i - 20.0, 3));
    const FeatureTable table = read(text);
    std::vector<size_t> rows(50);
    std::iota(rows.begin(), rows.end(), 0u);
    for (const auto& method : feature_scaling_methods()) {
        const FeatureScaler scaler = fit_scaler(table, rows, method);
        const FeatureScaler again = feature_scaler_from_json(nlohmann::json::parse(to_json(scaler).dump()), "file");
        double sum = 0, squares = 0, before = -1e9;
        for (size_t i = 0; i < 50; ++i) {
            std::vector<float> a(1), b(1);
            scaler.apply(table.row(i), a);
            again.apply(table.row(i), b);
            EXPECT_EQ(a[0], b[0]) << method;
            EXPECT_GE(a[0], before) << method;
            before = a[0];
            sum += a[0];
            squares += a[0] * a[0];
        }
        if (method.find("standard") != std::string::npos) {
            EXPECT_NEAR(sum / 50, 0, 1e-6) << method;
            EXPECT_NEAR(squares / 50, 1, 1e-5) << method;
        } else if (method == "quantile-normal") {
            EXPECT_NEAR(sum / 50, 0, 0.02);
            EXPECT_EQ(before, 3.0f);
        } else {
            EXPECT_FLOAT_EQ(static_cast<float>(before), 1.0f) << method;
        }
    }
    expect_error(ErrorKind::usage, {"'zscore' is unknown", "minmax"}, [&] { fit_scaler(table, rows, "zscore"); });
    expect_error(ErrorKind::input, {"file", "damaged"}, [] {
        feature_scaler_from_json({{"method", "minmax"}}, "file");
    });
}

}  // namespace
}  // namespace cmtl
