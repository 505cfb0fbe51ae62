#include "pipeline/radiomics_batch.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <future>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/csv.hpp"
#include "base/error.hpp"
#include "base/parallel.hpp"
#include "base/progress.hpp"
#include "engine/context.hpp"
#include "io/image_io.hpp"
#include "pipeline/predictor.hpp"
#include "pipeline/radiomics_journal.hpp"
#include "radiomics/parameter_file.hpp"
#include "version.hpp"

namespace cmtl {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

RadiomicsBatch read_radiomics_batch(const fs::path& path) {
    const CsvTable table = read_csv(path);
    RadiomicsBatch batch;
    batch.file = path;
    const size_t image = table.column("Image"), mask = table.column("Mask");
    const auto id = table.find("ID"), label = table.find("Label"), channel = table.find("Label_channel");
    std::vector<size_t> passed;
    for (size_t c = 0; c < table.header.size(); ++c)
        if (c != image && c != mask && c != id && c != channel) {
            passed.push_back(c);
            batch.passed_columns.push_back(table.header[c]);
        }
    const auto path_of = [&](size_t row, size_t column) {
        if (table.missing(row, column)) table.reject(row, column, "is no path");
        return (path.parent_path() / table.text(row, column)).lexically_normal();
    };
    for (size_t row = 0; row < table.rows.size(); ++row) {
        RadiomicsCase one;
        one.image = path_of(row, image);
        one.mask = path_of(row, mask);
        one.id = id ? table.text(row, *id) : case_id(one.image);
        if (id && table.missing(row, *id)) table.reject(row, *id, "is no ID");
        if (label && !table.missing(row, *label)) {
            const int64_t value = table.integer(row, *label);
            if (value < 0 || value > 255) table.reject(row, *label, "is no label: 0 (every voxel above 0) to 255");
            one.label = static_cast<int>(value);
        }
        if (channel && !table.missing(row, *channel) && table.integer(row, *channel) != 0)
            table.reject(row, *channel, "is no channel: masks have one here, 0");
        for (const size_t c : passed) one.passed.push_back(table.text(row, c));
        batch.cases.push_back(std::move(one));
    }
    if (batch.cases.empty()) fail(ErrorKind::input, "radiomics", "{}: no case below the header", path.string());
    return batch;
}

RadiomicsRecord radiomics_case(Context& context, const RadiomicsCase& subject, const RadiomicsSettings& settings,
                               ReadOptions reading) {
    RadiomicsSettings own = settings;
    if (subject.label) own.label = *subject.label;
    RadiomicsRecord record;
    record.subject = subject;
    const auto begin = std::chrono::steady_clock::now();
    reading.warn = false;
    ReadReport report;
    // Both files at once: reading is copying, and one core does not fill the memory's bus.
    auto read_beside = std::async(std::launch::async, [&, threads = omp_get_max_threads()] {
        omp_set_num_threads(threads);
        return read_mask(subject.mask);
    });
    const AnyImage image = read_image(subject.image, reading, &report);
    record.warnings = report.warnings;
    const auto extract = [&](const auto& voxels) {
        const Mask mask =
            match_mask(read_beside.get(), voxels.geometry, own, subject.image.string(), subject.mask.string());
        record.timeline.emplace_back("read",
                                     std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
        try {
            record.result = extract_features(context, voxels, mask, own);
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::input) throw;
            // What is wrong is in the files: they are named.
            fail(error.kind(), "radiomics", "{} with {}: {}", subject.image.string(), subject.mask.string(), error.message());
        }
    };
    std::visit(extract, image);
    record.timeline.insert(record.timeline.end(), record.result.timeline.begin(), record.result.timeline.end());
    return record;
}

namespace {

// What the jobs of a batch share.
class Jobs {
  public:
    Jobs(const RadiomicsBatch& batch, const RadiomicsSettings& settings, const BatchOptions& options)
        : batch_(batch),
          settings_(settings),
          options_(options),
          journal_(batch, settings, options.journal, options.resume),
          progress_("radiomics", std::ssize(batch.cases), options.quiet),
          failures_(batch.cases.size()) {
        outcome_.records = journal_.finished();
        for (const auto& record : outcome_.records)
            if (record) ++outcome_.resumed;
        progress_.advance({}, static_cast<int64_t>(outcome_.resumed));
    }

    BatchOutcome run() {
        const int jobs = std::clamp<int>(options_.jobs, 1, static_cast<int>(batch_.cases.size()));
        const int threads = std::max(1, options_.threads / jobs);
        std::vector<std::thread> crew;
        for (int n = 1; n < jobs; ++n) crew.emplace_back([&] { work(threads); });
        if (jobs > 1)
            crew.emplace_back([&] { work(threads); });
        else
            work(threads);
        for (std::thread& t : crew) t.join();
        progress_.finish();
        if (fatal_) std::rethrow_exception(fatal_);
        for (std::string& text : failures_)
            if (!text.empty()) outcome_.failures.push_back(std::move(text));
        const auto done = std::count_if(outcome_.records.begin(), outcome_.records.end(),
                                        [](const auto& r) { return r.has_value(); });
        outcome_.interrupted = done + std::ssize(outcome_.failures) < std::ssize(batch_.cases);
        return std::move(outcome_);
    }

  private:
    void work(int threads) {
        try {
            set_threads(threads);
            Context context(ContextOptions{.device = options_.device, .verbose = options_.verbose});
            for (size_t n; (n = next_++) < batch_.cases.size();) {
                if (outcome_.records[n]) continue;
                if (halt_ || (options_.stopped && options_.stopped())) return;
                one(context, n);
            }
        } catch (...) {
            const std::lock_guard lock(mutex_);
            if (!fatal_) fatal_ = std::current_exception();
            halt_ = true;
        }
    }

    void one(Context& context, size_t n) {
        const RadiomicsCase& subject = batch_.cases[n];
        try {
            RadiomicsRecord record = radiomics_case(context, subject, settings_, options_.reading);
            const std::lock_guard lock(mutex_);
            journal_.append(n, record);
            if (options_.verbose && !options_.quiet) fmt::print(stderr, "{}\n", times_text(record));
            outcome_.records[n] = std::move(record);
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::input) throw;
            const std::lock_guard lock(mutex_);
            failures_[n] = fmt::format("{}: {}", subject.id, error.what());
        }
        progress_.advance(subject.id);
    }

    const RadiomicsBatch& batch_;
    const RadiomicsSettings& settings_;
    const BatchOptions& options_;
    RadiomicsJournal journal_;
    Progress progress_;
    BatchOutcome outcome_;
    std::vector<std::string> failures_;  // by case; empty: none
    std::exception_ptr fatal_;
    std::atomic<size_t> next_ = 0;
    std::atomic<bool> halt_ = false;
    std::mutex mutex_;
};

}  // namespace

std::string times_text(const RadiomicsRecord& record) {
    double total = 0;
    std::string text;
    for (const auto& [step, seconds] : record.timeline) {
        text += fmt::format("{}{} {:.3f} s", text.empty() ? "" : ", ", step, seconds);
        total += seconds;
    }
    return fmt::format("{}: {} voxels, {:.3f} s: {}", record.subject.id, record.result.roi_voxels, total, text);
}

BatchOutcome run_radiomics_batch(const RadiomicsBatch& batch, const RadiomicsSettings& settings,
                                 const BatchOptions& options) {
    return Jobs(batch, settings, options).run();
}

std::string radiomics_csv(const RadiomicsBatch& batch, const RadiomicsSettings& settings, const BatchOutcome& outcome) {
    std::string text = "ID";
    for (const std::string& name : batch.passed_columns) text += "," + csv_cell(name);
    for (const FeatureRequest& f : settings.features) text += "," + csv_cell(f.name);
    text += "\n";
    for (const auto& record : outcome.records) {
        if (!record) continue;
        text += csv_cell(record->subject.id);
        for (const std::string& cell : record->subject.passed) text += "," + csv_cell(cell);
        for (const double value : record->result.values) text += "," + csv_cell(value);
        text += "\n";
    }
    return text;
}

ordered_json radiomics_json(const RadiomicsBatch& batch, const RadiomicsSettings& settings, const BatchOutcome& outcome,
                            const std::string& device) {
    ordered_json json{{"settings", to_json(settings)}};
    json["versions"] = {{"cmtl", CMTL_VERSION}, {"commit", CMTL_COMMIT}};
    json["device"] = device;
    json["cases"] = ordered_json::array();
    for (const auto& record : outcome.records) {
        if (!record) continue;
        const RadiomicsCase& subject = record->subject;
        ordered_json one{{"ID", subject.id}, {"image", subject.image.string()}, {"mask", subject.mask.string()}};
        one["label"] = subject.label.value_or(settings.label);
        for (size_t c = 0; c < batch.passed_columns.size(); ++c)
            one["columns"][batch.passed_columns[c]] = subject.passed[c];
        one.update(roi_json(record->result));
        if (!record->warnings.empty()) one["warnings"] = record->warnings;
        one["timeline"] = ordered_json::object();
        for (const auto& [step, seconds] : record->timeline) one["timeline"][step] = seconds;
        one["features"] = ordered_json::object();
        for (size_t f = 0; f < record->result.values.size(); ++f)
            one["features"][settings.features[f].name] = record->result.values[f];
        json["cases"].push_back(std::move(one));
    }
    json["failures"] = outcome.failures;
    return json;
}

}  // namespace cmtl
