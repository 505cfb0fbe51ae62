#include "io/itk_reader.hpp"

#include <itkMetaImageIO.h>
#include <itkNiftiImageIO.h>
#include <itkNrrdImageIO.h>
#include <itkOutputWindow.h>

#include <cmath>
#include <mutex>
#include <sstream>

#include "base/error.hpp"
#include "base/parallel.hpp"
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
void widen(const std::vector<char>& raw, std::vector<float>& out) {
    const T* in = reinterpret_cast<const T*>(raw.data());
    parallel_ranges(
        std::ssize(out),
        [&](int64_t begin, int64_t end) {
            for (int64_t n = begin; n < end; ++n) out[static_cast<size_t>(n)] = static_cast<float>(in[n]);
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

}  // namespace

Volume read_with_itk(const std::filesystem::path& path, FileFormat format) {
    const char* tag = tag_of(format);
    const std::string name = path.string();
    const std::lock_guard lock(itk_mutex);
    const Quiet quiet;
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
        std::vector<char> raw(voxels * static_cast<size_t>(io->GetComponentSize()));
        io->SetIORegion(region);
        io->Read(raw.data());
        Volume volume(g);
        using C = itk::ImageIOBase::IOComponentEnum;
        switch (io->GetComponentType()) {
            case C::UCHAR:
                widen<unsigned char>(raw, volume.voxels);
                break;
            case C::CHAR:
                widen<signed char>(raw, volume.voxels);
                break;
            case C::USHORT:
                widen<unsigned short>(raw, volume.voxels);
                break;
            case C::SHORT:
                widen<short>(raw, volume.voxels);
                break;
            case C::UINT:
                widen<unsigned int>(raw, volume.voxels);
                break;
            case C::INT:
                widen<int>(raw, volume.voxels);
                break;
            case C::ULONG:
                widen<unsigned long>(raw, volume.voxels);
                break;
            case C::LONG:
                widen<long>(raw, volume.voxels);
                break;
            case C::ULONGLONG:
                widen<unsigned long long>(raw, volume.voxels);
                break;
            case C::LONGLONG:
                widen<long long>(raw, volume.voxels);
                break;
            case C::FLOAT:
                widen<float>(raw, volume.voxels);
                break;
            case C::DOUBLE:
                widen<double>(raw, volume.voxels);
                break;
            default:
                fail(ErrorKind::input, tag, "{}: the value type is no number", name);
        }
        return volume;
    } catch (const itk::ExceptionObject& error) {
        fail(ErrorKind::input, tag, "{}: truncated or damaged: {}", name, reason(error));
    }
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
