#include "engine/device.hpp"

#include <charconv>

#include "base/error.hpp"
#include "kernels/runtime.hpp"

namespace cmtl {

Device parse_device(std::string_view text) {
    if (text == "cpu") return {};
    if (text == "auto") return kernels::cuda_device_count() > 0 ? Device{Device::Kind::cuda, 0} : Device{};
    if (text == "simt") return {Device::Kind::simt, 0};
    if (text == "cuda" || text.starts_with("cuda:")) {
        int index = 0;
        if (text.size() > 4) {
            const auto digits = text.substr(5);
            const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
            if (error != std::errc{} || end != digits.data() + digits.size() || index < 0)
                fail(ErrorKind::usage, "device", "'{}' is no device: cuda:N wants a number, for example cuda:0", text);
        }
        kernels::cuda_runtime(index);  // throws what stands in the way
        return {Device::Kind::cuda, index};
    }
    fail(ErrorKind::usage, "device", "'{}' is no device: use auto, cpu, cuda:N or simt", text);
}

std::string to_string(Device device) {
    switch (device.kind) {
        case Device::Kind::cpu: return "cpu";
        case Device::Kind::cuda: return "cuda:" + std::to_string(device.index);
        case Device::Kind::simt: return "simt";
    }
    return "?";
}

}  // namespace cmtl
