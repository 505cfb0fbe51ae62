#pragma once
// Elements of a DICOM data set to the fields of DicomHeader.
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "io/dicom_header.hpp"

namespace cmtl {

constexpr uint32_t dicom_tag(uint32_t group, uint32_t element) { return group << 16 | element; }

// Where a value lies: only some sequences say something about the slice itself.
enum class DicomPlace { top, shared, frame, elsewhere };

// Keeps what is needed of the elements that the parser comes across, in their order.
class DicomAttributes {
  public:
    DicomAttributes(DicomHeader& header, const std::string& name) : header_(header), name_(name) {}

    // `value` are the element's bytes, `big` their order; empty ones are absent (type 2 attributes). Throws
    // Error(input) where a number that the volume needs is none.
    void keep(uint32_t tag, std::span<const std::byte> value, bool big, DicomPlace place);

    // What depends on more than one element; after the last one.
    void finish();

  private:
    void keep_of_file(uint32_t tag, std::span<const std::byte> value, bool big);
    void keep_of_frame(uint32_t tag, std::span<const std::byte> value, bool big, DicomFrame& frame) const;

    DicomHeader& header_;
    const std::string& name_;
    std::optional<int64_t> padding_, padding_limit_;  // as stored, unsigned
};

}  // namespace cmtl
