#pragma once
// The pixels of a stack, decoded by all threads.
#include <map>
#include <span>
#include <string>
#include <vector>

#include "io/dicom_stack.hpp"

namespace cmtl {

// Values of a CT where nothing was measured: padding, and what lies outside of a corrected tilt. The least value that a
// scanner stores, and what the preparation makes of all below it.
constexpr double no_measurement_hu = -1024;

// Decodes images one by one; multi-frame files are read ahead, since frames are found only in the whole file. T is
// float, double, or a whole number that holds every value the headers allow.
template <class T>
class DicomPixels {
  public:
    // Padding becomes no_measurement_hu where `replace_padding`.
    DicomPixels(const std::vector<DicomImage>& images, bool replace_padding);

    // rows * columns values, columns fastest. Throws Error(input) naming the file. Safe to call from several threads.
    void decode(const DicomImage& image, std::span<T> out) const;

  private:
    struct MultiFrame {
        DicomHeader header;
        std::string content;              // of native pixels: decoded frame by frame
        std::vector<std::byte> inflated;  // instead of `content`
        std::vector<T> decoded;           // of compressed ones
    };
    void open(const DicomImage& image);

    std::map<std::filesystem::path, MultiFrame> multi_frame_;
    bool replace_padding_;
};

// The volume on stack.geometry. Beside the volume there are one file and one slice per thread, slices that lie between
// planes, and whole multi-frame files. Images moved by a tilt are interpolated by cubic convolution (Keys, a = -1/2)
// along rows and columns, with their edge repeated for the weights; what lies outside of them is `outside`. Results do
// not depend on the number of threads.
template <class T>
Image<T> decode_stack(const DicomStack& stack, bool replace_padding, double outside);

}  // namespace cmtl
