#pragma once
// Event files that TensorBoard reads: scalars by step.
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cmtl {

using Scalars = std::vector<std::pair<std::string, double>>;  // tag, value

// FOLDER/events.out.tfevents.SECONDS.cmtl: TFRecords (length, masked CRC-32C of it, data, masked CRC-32C of that;
// numbers little-endian) of tensorflow.Event messages, the first with the version "brain.Event:2", each other one with
// the wall time, a step and a summary of simple values (tensorflow/core/util/event.proto, summary.proto,
// lib/io/record_writer.cc).
class TensorBoardWriter {
  public:
    // Goes on with the folder's newest event file, which loses what comes after step `last_step` and what a killed
    // process left of a record, or begins one. Throws Error as files do.
    TensorBoardWriter(const std::filesystem::path& folder, int64_t last_step);

    // Appended at once; values are kept in f32, what is not finite is left out.
    void write(int64_t step, const Scalars& scalars);

    const std::filesystem::path& file() const { return file_; }

  private:
    std::filesystem::path file_;
};

// CRC-32C (Castagnoli), reflected, as in RFC 3720.
uint32_t crc32c(std::string_view bytes);

}  // namespace cmtl
