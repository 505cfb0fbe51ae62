#include "evaluation/calibration.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"

namespace cmtl {

namespace {
constexpr double nan = std::numeric_limits<double>::quiet_NaN(), least = 0x1p-52;

size_t bin_of(double p, int bins) { return size_t(std::clamp(int(p * bins), 0, bins - 1)); }

std::vector<ReliabilityBin> empty_bins(int bins) {
    require(bins >= 1, "calibration", "{} bins", bins);
    std::vector<ReliabilityBin> all;
    for (int b = 0; b < bins; ++b) all.push_back({double(b) / bins, double(b + 1) / bins, 0, 0, 0});
    return all;
}

void add(std::vector<ReliabilityBin>& bins, double p, bool came_true) {
    ReliabilityBin& b = bins[bin_of(p, int(bins.size()))];
    ++b.cases, b.predicted += p, b.observed += came_true;
}

void divide(std::vector<ReliabilityBin>& bins) {
    for (ReliabilityBin& b : bins) {
        b.predicted = b.cases ? b.predicted / double(b.cases) : nan;
        b.observed = b.cases ? b.observed / double(b.cases) : nan;
    }
}

double mean_over_labelled(const TaskPredictions& task, auto&& value) {
    double sum = 0, cases = 0;
    for (size_t i = 0; i < task.size(); ++i)
        if (task.labels[i] >= 0) sum += value(i), cases += 1;
    return cases > 0 ? sum / cases : nan;
}

// ln p of a case's classes, the largest taken off.
void logits_of(const TaskPredictions& task, size_t i, std::vector<double>& logits) {
    double most = -std::numeric_limits<double>::infinity();
    for (int c = 0; c < task.classes; ++c) {
        logits[size_t(c)] = std::log(std::max(least, task.probability(i, c)));
        most = std::max(most, logits[size_t(c)]);
    }
    for (double& l : logits) l -= most;
}
}  // namespace

std::vector<ReliabilityBin> reliability(const TaskPredictions& task, int of_class, int bins) {
    auto all = empty_bins(bins);
    for (size_t i = 0; i < task.size(); ++i)
        if (task.labels[i] >= 0) add(all, task.probability(i, of_class), task.labels[i] == of_class);
    divide(all);
    return all;
}

double calibration_error(const TaskPredictions& task, int bins) {
    auto all = empty_bins(bins);
    for (size_t i = 0; i < task.size(); ++i) {
        const int top = task.predicted(i);
        if (task.labels[i] >= 0) add(all, task.probability(i, top), task.labels[i] == top);
    }
    double sum = 0, cases = 0;
    for (const ReliabilityBin& b : all) sum += std::abs(b.predicted - b.observed), cases += double(b.cases);
    return cases > 0 ? sum / cases : nan;
}

double brier_score(const TaskPredictions& task) {
    return mean_over_labelled(task, [&](size_t i) {
        double sum = 0;
        for (int c = task.classes == 2 ? 1 : 0; c < task.classes; ++c) {
            const double d = task.probability(i, c) - (task.labels[i] == c);
            sum += d * d;
        }
        return sum;
    });
}

double log_loss(const TaskPredictions& task) {
    return mean_over_labelled(
        task, [&](size_t i) { return -std::log(std::clamp(task.probability(i, task.labels[i]), least, 1 - least)); });
}

double fit_temperature(const TaskPredictions& task) {
    std::vector<double> logits(size_t(task.classes), 0.0);
    // Of the log loss by beta = 1 / T: rises with beta, so that its zero is the one minimum.
    const auto slope = [&](double beta) {
        return mean_over_labelled(task, [&](size_t i) {
            logits_of(task, i, logits);
            double weight = 0, mean = 0;
            for (const double l : logits) {
                const double w = std::exp(beta * l);
                weight += w, mean += w * l;
            }
            return mean / weight - logits[size_t(task.labels[i])];
        });
    };
    double low = std::log(0.01), high = std::log(100.0);
    if (std::isnan(slope(1))) return nan;
    for (int i = 0; i < 60; ++i) {
        const double middle = 0.5 * (low + high);
        (slope(std::exp(middle)) < 0 ? low : high) = middle;
    }
    return std::exp(-0.5 * (low + high));
}

TaskPredictions scaled_by_temperature(const TaskPredictions& task, double temperature) {
    require(temperature > 0 && std::isfinite(temperature), "calibration", "temperature {}", temperature);
    TaskPredictions scaled = task;
    std::vector<double> logits(size_t(task.classes), 0.0);
    for (size_t i = 0; i < task.size(); ++i) {
        logits_of(task, i, logits);
        double sum = 0;
        for (double& l : logits) sum += l = std::exp(l / temperature);
        for (int c = 0; c < task.classes; ++c)
            scaled.probabilities[i * size_t(task.classes) + size_t(c)] = logits[size_t(c)] / sum;
    }
    return scaled;
}

}  // namespace cmtl
