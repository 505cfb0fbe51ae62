#include "io/itk_reader.hpp"

#include <itkMetaImageIO.h>
#include <itkNiftiImageIO.h>
#include <itkNrrdImageIO.h>
#include <itkOutputWindow.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <optional>
#include <span>
#include <sstream>
#include <type_traits>
#include <utility>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "io/nifti_voxels.hpp"
#include "io/silent_stderr.hpp"

namespace cmtl {

namespace {

const char* tag_of(FileFormat format) {
    return format == FileFormat::nifti ? "nifti" : format == FileFormat::meta ? "meta" : "nrrd";
}

// ITK and the libraries below it talk on cout and cerr; what matters of it is in our messages.
class Quiet {
  public:
    Quiet() : out_(std::cout.rdbuf(sink_.rdbuf())), err_(std::cerr.rdbuf(sink_.rdbuf())) {
        itk::Object::GlobalWarningDisplayOff();
    }
    ~Quiet() {
        std::cout.rdbuf(out_);
        std::cerr.rdbuf(err_);
    }
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;

  private:
    SilentStderr silent_;
    std::ostringstream sink_;
    std::streambuf *out_, *err_;
};

std::mutex itk_mutex;  // the streams are shared by all threads

itk::ImageIOBase::Pointer make_io(FileFormat format) {
    switch (format) {
        case FileFormat::nifti:
            return itk::NiftiImageIO::New().GetPointer();
        case FileFormat::meta:
            return itk::MetaImageIO::New().GetPointer();
        default:
            return itk::NrrdImageIO::New().GetPointer();
    }
}

template <class T>
void widen(const std::vector<T>& in, std::vector<float>& out) {
    parallel_ranges(
        std::ssize(out),
        [&](int64_t begin, int64_t end) {
            std::transform(in.begin() + begin, in.begin() + end, out.begin() + begin,
                           [](T v) { return static_cast<float>(v); });
        },
        1 << 16);
}

// The first sentence of what ITK says, without its file names and line numbers.
std::string reason(const itk::ExceptionObject& error) {
    std::string text = error.GetDescription();
    for (const char* lead : {"ITK ERROR: ", "itk::ERROR: "})
        if (const size_t at = text.find(lead); at != std::string::npos) text = text.substr(at + std::strlen(lead));
    if (const size_t end = text.find('\n'); end != std::string::npos && end > 0) text.resize(end);
    return text.substr(0, 200);
}

// Calls use(T{}) with the voxels' type.
template <class Use>
void with_component_type(const itk::ImageIOBase& io, const std::filesystem::path& path, FileFormat format, Use&& use) {
    using C = itk::ImageIOBase::IOComponentEnum;
    switch (io.GetComponentType()) {
        case C::UCHAR:
            return use(uint8_t{});
        case C::CHAR:
            return use(int8_t{});
        case C::USHORT:
            return use(uint16_t{});
        case C::SHORT:
            return use(int16_t{});
        case C::UINT:
            return use(uint32_t{});
        case C::INT:
            return use(int32_t{});
        case C::ULONG:
        case C::ULONGLONG:
            return use(uint64_t{});
        case C::LONG:
        case C::LONGLONG:
            return use(int64_t{});
        case C::FLOAT:
            return use(float{});
        case C::DOUBLE:
            return use(double{});
        default:
            fail(ErrorKind::input, tag_of(format), "{}: the value type is no number", path.string());
    }
}

template <class T>
constexpr bool is_alternative =
    std::is_same_v<T, uint8_t> || std::is_same_v<T, int16_t> || std::is_same_v<T, uint16_t> ||
    std::is_same_v<T, int32_t> || std::is_floating_point_v<T>;

// Types that AnyImage lacks become the next one that holds them, 64-bit numbers double where that is exact.
template <class T>
AnyImage exact(const std::vector<T>& raw, const Geometry& g, const std::filesystem::path& path, const char* tag) {
    if constexpr (sizeof(T) == 1) {
        Image<int16_t> image(g);
        std::copy(raw.begin(), raw.end(), image.voxels.begin());
        return image;
    } else {
        Image<double> image(g);
        for (size_t n = 0; n < raw.size(); ++n) {
            const auto value = static_cast<double>(raw[n]);
            if constexpr (sizeof(T) == 8)
                if (!(std::abs(value) <= 9007199254740992.0))
                    fail(ErrorKind::input, tag, "{}: the value {} is too large to be kept exactly (above 2^53)",
                         path.string(), raw[n]);
            image.voxels[n] = value;
        }
        return image;
    }
}

// Opens the file and calls use(io, geometry, load), where load(vector) fills a vector of the file's type with the
// voxels; ITK's exceptions become our errors. Of NIfTI ITK reads the header alone, so that several files are read at a
// time.
template <class Use>
auto with_file(const std::filesystem::path& path, FileFormat format, Use&& use) {
    const char* tag = tag_of(format);
    const std::string name = path.string();
    std::unique_lock lock(itk_mutex);
    std::optional<Quiet> quiet(std::in_place);
    try {
        const itk::ImageIOBase::Pointer io = make_io(format);
        io->SetFileName(name);
        io->ReadImageInformation();
        const unsigned dims = io->GetNumberOfDimensions();
        if (dims < 3) fail(ErrorKind::input, tag, "{}: a {}-D image; a volume has three dimensions", name, dims);
        if (io->GetNumberOfComponents() != 1)
            fail(ErrorKind::input, tag, "{}: {} values per voxel; a CT has one", name, io->GetNumberOfComponents());
        Geometry g;
        itk::ImageIORegion region(dims);
        for (unsigned d = 0; d < dims; ++d) {
            const auto n = static_cast<int64_t>(io->GetDimensions(d));
            if (n < 1 || (d > 2 && n != 1) || n > 65536)
                fail(ErrorKind::input, tag, "{}: size {} along axis {}", name, n, d);
            region.SetSize(d, static_cast<itk::SizeValueType>(n));
            region.SetIndex(d, 0);
            if (d > 2) continue;
            g.size[d] = n;
            g.spacing[d] = io->GetSpacing(d);
            g.origin[d] = io->GetOrigin(d);
            const std::vector<double> axis = io->GetDirection(d);
            for (size_t row = 0; row < 3; ++row) g.direction[row * 3 + d] = axis[row];
        }
        const auto voxels = static_cast<size_t>(g.count());
        if (io->GetImageSizeInPixels() != static_cast<itk::ImageIOBase::SizeType>(voxels) || voxels > (size_t{1} << 30))
            fail(ErrorKind::input, tag, "{}: {} voxels cannot be read", name, io->GetImageSizeInPixels());
        io->SetIORegion(region);
        return use(*io, g, [&](auto& out) {
            if (format != FileFormat::nifti) return io->Read(out.data());
            quiet.reset();
            lock.unlock();
            read_nifti_voxels(path, std::as_writable_bytes(std::span(out)));
        });
    } catch (const itk::ExceptionObject& error) {
        fail(ErrorKind::input, tag, "{}: truncated or damaged: {}", name, reason(error));
    }
}

}  // namespace

Volume read_with_itk(const std::filesystem::path& path, FileFormat format) {
    return with_file(path, format, [&](const itk::ImageIOBase& io, const Geometry& g, const auto& load) {
        Volume volume(g);
        with_component_type(io, path, format, [&]<class T>(T) {
            if constexpr (std::is_same_v<T, float>) {
                load(volume.voxels);
            } else {
                std::vector<T> stored(volume.voxels.size());
                load(stored);
                widen(stored, volume.voxels);
            }
        });
        return volume;
    });
}

AnyImage read_any_with_itk(const std::filesystem::path& path, FileFormat format) {
    return with_file(path, format, [&](const itk::ImageIOBase& io, const Geometry& g, const auto& load) {
        AnyImage any;
        with_component_type(io, path, format, [&]<class T>(T) {
            if constexpr (is_alternative<T>) {
                Image<T> image(g);
                load(image.voxels);
                any = std::move(image);
            } else {
                std::vector<T> stored(static_cast<size_t>(g.count()));
                load(stored);
                any = exact<T>(stored, g, path, tag_of(format));
            }
        });
        return any;
    });
}

void write_with_itk(const std::filesystem::path& path, FileFormat format, const Geometry& g, ValueType type,
                    const void* voxels) {
    using C = itk::ImageIOBase::IOComponentEnum;
    const std::lock_guard lock(itk_mutex);
    const Quiet quiet;
    try {
        const itk::ImageIOBase::Pointer io = make_io(format);
        io->SetFileName(path.string());
        io->SetNumberOfDimensions(3);
        io->SetNumberOfComponents(1);
        io->SetPixelType(itk::CommonEnums::IOPixel::SCALAR);
        io->SetComponentType(type == ValueType::uint8 ? C::UCHAR : type == ValueType::int16 ? C::SHORT : C::FLOAT);
        io->SetUseCompression(true);
        io->SetCompressionLevel(2);
        itk::ImageIORegion region(3);
        for (unsigned d = 0; d < 3; ++d) {
            io->SetDimensions(d, static_cast<itk::SizeValueType>(g.size[d]));
            io->SetSpacing(d, g.spacing[d]);
            io->SetOrigin(d, g.origin[d]);
            io->SetDirection(d, std::vector<double>{g.direction[d], g.direction[3 + d], g.direction[6 + d]});
            region.SetSize(d, static_cast<itk::SizeValueType>(g.size[d]));
            region.SetIndex(d, 0);
        }
        io->SetIORegion(region);
        io->WriteImageInformation();
        io->Write(voxels);
    } catch (const itk::ExceptionObject& error) {
        fail(ErrorKind::resource, tag_of(format), "{}: cannot be written: {}", path.string(), reason(error));
    }
}

}  // namespace cmtl
