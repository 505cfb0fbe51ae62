#include "io/dicom_pixels.hpp"

#include <gdcmImageReader.h>
#include <gdcmTrace.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <mutex>
#include <sstream>
#include <tuple>
#include <type_traits>

#include "base/error.hpp"
#include "io/silent_stderr.hpp"

namespace cmtl {

namespace {

struct Stored {
    int bits_allocated, bits_stored, high_bit;
    bool is_signed, swap;
    double padding_low = 1, padding_high = 0;  // stored values that are no measurement: none
    double padding_hu = -1024;
};

constexpr double most_padding_hu = -900;  // above it padding could be tissue

// The value of pixel n as it is stored.
template <class Unsigned>
double stored_value(const std::byte* in, size_t n, const Stored& stored) {
    constexpr int width = static_cast<int>(sizeof(Unsigned) * 8);
    using Signed = std::make_signed_t<Unsigned>;
    Unsigned u;
    std::memcpy(&u, in + n * sizeof(Unsigned), sizeof u);
    if (stored.swap) {
        if constexpr (sizeof(Unsigned) == 2) u = __builtin_bswap16(u);
        if constexpr (sizeof(Unsigned) == 4) u = __builtin_bswap32(u);
    }
    // Other bits may carry overlays: the stored ones are moved to the top and back.
    u = static_cast<Unsigned>(u << (width - 1 - stored.high_bit));
    const int shift = width - stored.bits_stored;
    return stored.is_signed ? static_cast<double>(static_cast<Signed>(static_cast<Signed>(u) >> shift))
                            : static_cast<double>(static_cast<Unsigned>(u >> shift));
}

// False where a value is none of T's.
template <class Unsigned, class T>
bool convert(const std::byte* in, std::span<T> out, const Stored& stored, double slope, double intercept) {
    constexpr double least = std::numeric_limits<T>::lowest(), most = std::numeric_limits<T>::max();
    bool inside = true;
    for (size_t n = 0; n < out.size(); ++n) {
        const double shown = stored_value<Unsigned>(in, n, stored);
        const bool padding = shown >= stored.padding_low && shown <= stored.padding_high;
        const double value = padding ? stored.padding_hu : shown * slope + intercept;
        if constexpr (std::is_integral_v<T>) {
            inside = inside && value >= least && value <= most;
            out[n] = static_cast<T>(std::clamp(value, least, most));
        } else {
            out[n] = static_cast<T>(value);
        }
    }
    return inside;
}

// Whether the slice's padding is to be believed: values of air are, others where a corner of the image has them.
template <class Unsigned>
bool has_padding(const std::byte* in, const Stored& stored, const DicomHeader& header, double slope, double intercept) {
    const auto [low, high] = *header.padding;
    if (std::max(low * slope, high * slope) + intercept <= most_padding_hu) return true;
    const auto columns = static_cast<size_t>(header.columns), all = columns * static_cast<size_t>(header.rows);
    for (const size_t corner : {size_t{0}, columns - 1, all - columns, all - 1}) {
        const double value = stored_value<Unsigned>(in, corner, stored);
        if (value >= low && value <= high) return true;
    }
    return false;
}

template <class Unsigned, class T>
bool convert_frame(const DicomHeader& header, const std::byte* in, std::span<T> out, Stored stored, double slope,
                   double intercept) {
    if (header.padding && has_padding<Unsigned>(in, stored, header, slope, intercept))
        std::tie(stored.padding_low, stored.padding_high) = *header.padding;
    return convert<Unsigned>(in, out, stored, slope, intercept);
}

template <class T>
void convert_frames(const DicomHeader& header, const std::byte* in, const std::string& name, std::span<T> out,
                    const Stored& stored) {
    bool inside = true;
    const size_t frame = static_cast<size_t>(header.rows * header.columns);
    for (int64_t f = 0; f < header.frames; ++f) {
        const auto of_frame = [&](const std::vector<double>& list, double missing) {
            return list.empty() ? missing : list[std::min(list.size() - 1, static_cast<size_t>(f))];
        };
        const double slope = of_frame(header.slopes, 1), intercept = of_frame(header.intercepts, 0);
        const std::byte* from = in + static_cast<size_t>(f) * frame * static_cast<size_t>(stored.bits_allocated / 8);
        const auto to = out.subspan(static_cast<size_t>(f) * frame, frame);
        if (stored.bits_allocated == 8) inside &= convert_frame<uint8_t>(header, from, to, stored, slope, intercept);
        if (stored.bits_allocated == 16) inside &= convert_frame<uint16_t>(header, from, to, stored, slope, intercept);
        if (stored.bits_allocated == 32) inside &= convert_frame<uint32_t>(header, from, to, stored, slope, intercept);
    }
    if (!inside)
        fail(ErrorKind::input, "dicom",
             "{}: the compressed pixels have more bits than the header says; export it again", name);
}

void check_stored(const Stored& s, const std::string& name) {
    const bool width = s.bits_allocated == 8 || s.bits_allocated == 16 || s.bits_allocated == 32;
    if (!width || s.bits_stored < 1 || s.bits_stored > s.bits_allocated || s.high_bit < s.bits_stored - 1 ||
        s.high_bit >= s.bits_allocated)
        fail(ErrorKind::input, "dicom", "{}: pixels of {} bits allocated, {} stored, high bit {} cannot be read", name,
             s.bits_allocated, s.bits_stored, s.high_bit);
}

template <class T>
void decode_compressed(const DicomHeader& header, std::span<const std::byte> bytes, const std::string& name,
                       std::span<T> out) {
    // GDCM writes its complaints on stderr: what matters of them is in our message.
    static std::once_flag silenced;
    std::call_once(silenced, [] {
        gdcm::Trace::DebugOff();
        gdcm::Trace::WarningOff();
        gdcm::Trace::ErrorOff();
    });
    const auto damaged = [&](const char* why) {
        fail(ErrorKind::input, "dicom",
             "{}: the compressed pixels (transfer syntax {}) cannot be decoded{}; copy or export the file again", name,
             header.transfer_syntax, why);
    };
    const SilentStderr silent;
    std::istringstream stream(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    gdcm::ImageReader reader;
    reader.SetStream(stream);
    std::vector<char> raw;
    try {
        if (!reader.Read()) damaged("");
        const gdcm::Image& image = reader.GetImage();
        const gdcm::PixelFormat& format = image.GetPixelFormat();
        const unsigned int* size = image.GetDimensions();
        const int64_t frames = image.GetNumberOfDimensions() > 2 ? size[2] : 1;
        if (size[0] != header.columns || size[1] != header.rows || frames != header.frames ||
            format.GetSamplesPerPixel() != 1)
            damaged(" to the size that the header gives");
        const Stored stored{format.GetBitsAllocated(), format.GetBitsStored(), format.GetHighBit(),
                            format.GetPixelRepresentation() == 1, false};
        check_stored(stored, name);
        if (image.GetBufferLength() != out.size() * static_cast<size_t>(stored.bits_allocated / 8))
            damaged(" to the size that the header gives");
        raw.resize(image.GetBufferLength());
        if (!image.GetBuffer(raw.data())) damaged("");
        convert_frames(header, reinterpret_cast<const std::byte*>(raw.data()), name, out, stored);
    } catch (const Error&) {
        throw;
    } catch (const std::bad_alloc&) {
        damaged(" (its lengths exceed the memory)");
    } catch (const std::exception&) {
        damaged("");
    }
}

}  // namespace

template <class T>
void decode_pixels(const DicomHeader& header, std::span<const std::byte> bytes, const std::string& name,
                   std::span<T> out) {
    const Stored stored{static_cast<int>(header.bits_allocated), static_cast<int>(header.bits_stored),
                        static_cast<int>(header.high_bit), header.pixel_representation == 1,
                        header.big_endian() == (std::endian::native == std::endian::little)};
    check_stored(stored, name);
    if (header.encapsulated) return decode_compressed(header, bytes, name, out);
    const std::span<const std::byte> from = header.inflated.empty() ? bytes : header.inflated;
    const size_t needed = out.size() * static_cast<size_t>(stored.bits_allocated / 8);
    if (header.pixel_bytes < needed || header.pixel_offset + needed > from.size())
        fail(ErrorKind::input, "dicom", "{}: truncated: {} of {} bytes of pixel data are there; copy the file again",
             name, std::min(header.pixel_bytes, from.size() - header.pixel_offset), needed);
    convert_frames(header, from.data() + header.pixel_offset, name, out, stored);
}

template void decode_pixels(const DicomHeader&, std::span<const std::byte>, const std::string&, std::span<float>);
template void decode_pixels(const DicomHeader&, std::span<const std::byte>, const std::string&, std::span<double>);
template void decode_pixels(const DicomHeader&, std::span<const std::byte>, const std::string&, std::span<int16_t>);
template void decode_pixels(const DicomHeader&, std::span<const std::byte>, const std::string&, std::span<int32_t>);

}  // namespace cmtl
