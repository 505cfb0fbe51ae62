#pragma once
// Where tensors live and operators run.
#include <cstdint>
#include <string>
#include <string_view>

namespace cmtl {

struct Device {
    enum class Kind : uint8_t { cpu, cuda, simt };
    Kind kind = Kind::cpu;
    int index = 0;
    bool operator==(const Device&) const = default;
};

// "auto" (the best device of this machine), "cpu", "cuda", "cuda:N" or "simt". Throws Error(usage) for anything else and
// Error(resource) for a device that this program or this machine does not have.
Device parse_device(std::string_view text);

std::string to_string(Device device);

}  // namespace cmtl
