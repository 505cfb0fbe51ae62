#pragma once
// safetensors files (8-byte header length, JSON header, raw little-endian data), whole or not at all.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "engine/context.hpp"
#include "engine/optimiser.hpp"

namespace cmtl {

using Metadata = std::map<std::string, std::string>;

struct Safetensors {
    NamedTensors tensors;  // on the host, in the file's data order; shapes exactly as in the file
    Metadata metadata;     // "__metadata__"; empty when absent

    const Tensor* find(const std::string& name) const;
};

// Throws Error(input) naming the file and what is wrong: not a safetensors file, truncated, overlapping or out-of-range
// offsets, a dtype that is not F32, BF16, F64, I32, I64 or U8 (F16 is widened to f32), duplicate names.
Safetensors read_safetensors(Context& context, const std::filesystem::path& path);

// Data is laid out in the order given, each tensor 8-byte aligned by padding the header, so equal tensors give equal bytes
// behind the header whatever the metadata. An existing file survives a failed write (full disk: Error(resource)).
void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors, const Metadata& metadata = {});

// Channels-last to PyTorch's order and back, for convolution weights (rank 5) and volumes: (N, D, H, W, C) <-> (N, C, D, H, W).
// Other ranks come back as they are. Tensors on the host, whatever device the context has.
Tensor to_channels_first(Context& context, const Tensor& tensor);
Tensor to_channels_last(Context& context, const Tensor& tensor);

}  // namespace cmtl
