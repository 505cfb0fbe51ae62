#pragma once
// Descriptors of cuDNN's graph interface as objects, and the graph of one convolution.
#include <string>
#include <utility>
#include <vector>

#include "engine/gpu/cudnn_api.hpp"
#include "engine/gpu/cudnn_convolution.hpp"

namespace cmtl {

// Throws Error(internal; resource when memory ran out) with cuDNN's own words unless `status` is success.
void cudnn_check(const cudnn_api::Functions& api, cudnn_api::Status status, std::string_view doing);

class CudnnDescriptor {
  public:
    CudnnDescriptor() = default;
    CudnnDescriptor(const cudnn_api::Functions& api, cudnn_api::DescriptorType type);
    ~CudnnDescriptor();
    CudnnDescriptor(CudnnDescriptor&& o) noexcept : api_(o.api_), descriptor_(std::exchange(o.descriptor_, nullptr)) {}
    CudnnDescriptor& operator=(CudnnDescriptor&& o) noexcept;

    cudnn_api::Descriptor get() const { return descriptor_; }
    cudnn_api::Descriptor release() { return std::exchange(descriptor_, nullptr); }

    void set(cudnn_api::Attribute attribute, cudnn_api::AttributeType type, int64_t count, const void* elements);
    template <class Elements>
    void set(cudnn_api::Attribute attribute, cudnn_api::AttributeType type, const Elements& elements) {
        set(attribute, type, static_cast<int64_t>(std::size(elements)), std::data(elements));
    }
    template <class T>
    void set_one(cudnn_api::Attribute attribute, cudnn_api::AttributeType type, const T& element) {
        set(attribute, type, 1, &element);
    }
    void set_text(cudnn_api::Attribute attribute, const std::string& text);
    void finalize(std::string_view what);
    // How many elements were written to `elements`, at most `wanted`; how many there may be when `wanted` is 0.
    int64_t read(cudnn_api::Attribute attribute, cudnn_api::AttributeType type, int64_t wanted, void* elements) const;

  private:
    const cudnn_api::Functions* api_ = nullptr;
    cudnn_api::Descriptor descriptor_ = nullptr;
};

// What plans are made for: the GPU of a handle, or a described one.
struct CudnnDevice {
    cudnn_api::Handle handle = nullptr;
    cudnn_api::Descriptor properties = nullptr;
};

class CudnnGraph {
  public:
    static constexpr int64_t alignment = 16;  // bytes, of every tensor

    CudnnGraph(const cudnn_api::Functions& api, const CudnnDevice& device, const CudnnConvolution& convolution);

    // Engines with their settings, best first as cuDNN guesses.
    std::vector<CudnnDescriptor> configurations(cudnn_api::HeurMode mode) const;
    void read_engine(const CudnnDescriptor& configuration, int64_t& engine,
                     std::vector<cudnn_api::NumericalNote>& notes) const;
    // Throws where the engine does not take the problem after all.
    CudnnDescriptor plan(const CudnnDescriptor& configuration, size_t& workspace) const;

  private:
    CudnnDescriptor& keep(cudnn_api::DescriptorType type);
    cudnn_api::Descriptor find(CudnnId id) const;
    cudnn_api::Descriptor add_convolution(const CudnnConvolution& convolution);
    cudnn_api::Descriptor add_bias(const CudnnConvolution& convolution);

    const cudnn_api::Functions& api_;
    CudnnDevice device_;
    std::vector<CudnnDescriptor> parts_;
    std::vector<std::pair<CudnnId, cudnn_api::Descriptor>> tensors_;
    CudnnDescriptor graph_;
};

}  // namespace cmtl
