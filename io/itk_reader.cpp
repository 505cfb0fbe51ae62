#include "io/itk_reader.hpp"

#include <itkMetaImageIO.h>
#include <itkNiftiImageIO.h>
#include <itkNrrdImageIO.h>
#include <itkOutputWindow.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <sstream>
#include <utility>

#include "base/error.hpp"
#include "io/silent_stderr.hpp"
#include "io/voxel_types.hpp"

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

// The first sentence of what ITK says, without its file names and line numbers.
std::string reason(const itk::ExceptionObject& error) {
    std::string text = error.GetDescription();
    for (const char* lead : {"ITK ERROR: ", "itk::ERROR: "})
        if (const size_t at = text.find(lead); at != std::string::npos) text = text.substr(at + std::strlen(lead));
    if (const size_t end = text.find('\n'); end != std::string::npos && end > 0) text.resize(end);
    return text.substr(0, 200);
}

StoredType type_of(const itk::ImageIOBase& io, const std::filesystem::path& path) {
    using C = itk::ImageIOBase::IOComponentEnum;
    switch (io.GetComponentType()) {
        case C::UCHAR:
            return StoredType::uint8;
        case C::CHAR:
            return StoredType::int8;
        case C::USHORT:
            return StoredType::uint16;
        case C::SHORT:
            return StoredType::int16;
        case C::UINT:
            return StoredType::uint32;
        case C::INT:
            return StoredType::int32;
        case C::ULONG:
        case C::ULONGLONG:
            return StoredType::uint64;
        case C::LONG:
        case C::LONGLONG:
            return StoredType::int64;
        case C::FLOAT:
            return StoredType::float32;
        case C::DOUBLE:
            return StoredType::float64;
        default:
            fail(ErrorKind::input, "meta", "{}: the value type is no number", path.string());
    }
}

// Opens the file and calls use(geometry, type, load), where load(vector) fills a vector of the file's type with the
// voxels; ITK's exceptions become our errors.
template <class Use>
auto with_file(const std::filesystem::path& path, Use&& use) {
    constexpr const char* tag = "meta";
    const std::string name = path.string();
    const std::lock_guard lock(itk_mutex);
    const Quiet quiet;
    try {
        const itk::ImageIOBase::Pointer io = make_io(FileFormat::meta);
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
        return use(g, type_of(*io, path), [&](auto& out) { io->Read(out.data()); });
    } catch (const itk::ExceptionObject& error) {
        fail(ErrorKind::input, tag, "{}: truncated or damaged: {}", name, reason(error));
    }
}

}  // namespace

Volume read_meta(const std::filesystem::path& path) {
    check_meta_header(path);
    return with_file(path,
                     [](const Geometry& g, StoredType type, const auto& load) { return load_volume(g, type, load); });
}

AnyImage read_any_meta(const std::filesystem::path& path) {
    check_meta_header(path);
    return with_file(path, [&](const Geometry& g, StoredType type, const auto& load) {
        return load_any(g, type, path, "meta", load);
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
