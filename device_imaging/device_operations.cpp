#include "device_imaging/device_operations.hpp"

#include <limits>

#include "engine/gpu/device_buffer.hpp"
#include "engine/gpu/target.hpp"
#include "kernels/connected_components.hpp"
#include "kernels/morphology.hpp"
#include "kernels/resample_spline.hpp"

namespace cmtl {

namespace {

// The middle axis of `lines`; `values` is replaced by the result.
void resample_axis(Context& context, const kernels::SplineLines& lines, DeviceBuffer<float>& values) {
    if (lines.in == lines.out) return;  // taps are then exact: nothing to do
    std::vector<kernels::SplineTap> taps;
    for (const SplineTap& t : spline_taps(lines.in, lines.out))
        taps.push_back({t.first, {t.weight[0], t.weight[1], t.weight[2], t.weight[3]}});
    const DeviceBuffer<kernels::SplineTap> on_device(context, taps);
    DeviceBuffer<float> out(context, static_cast<size_t>(lines.outer * lines.out * lines.inner));
    on_target(context, [&]<class Target>(Target) {
        const DeviceBuffer<std::byte> scratch(context, kernels::resample_spline_scratch<Target>(lines));
        kernels::resample_spline<Target>(context.stream(), lines, on_device.data(), values.data(), out.data(),
                                         scratch.data());
    });
    values = std::move(out);
}

kernels::ComponentGrid grid_of(const Mask& mask) { return {mask.nx(), mask.ny(), mask.nz(), false, false, false}; }

Mask run_morphology(Context& context, const Mask& mask, double radius, Element element, kernels::MorphologyStep step) {
    const Vector3& s = mask.geometry.spacing;
    const kernels::ElementChords chords = kernels::element_chords({s[0], s[1], s[2]}, radius, element == Element::ball);
    const DeviceBuffer<int32_t> chord(context, chords.chord);
    const kernels::ElementOnDevice on{chords.reach_x, chords.reach_y, chords.reach_z, chord.data()};
    const kernels::MaskGrid grid{mask.nx(), mask.ny(), mask.nz()};
    const DeviceBuffer<uint8_t> voxels(context, mask.voxels);
    const DeviceBuffer<uint32_t> scratch(context, kernels::morphology_scratch(grid, on, step) / sizeof(uint32_t));
    on_target(context, [&]<class Target>(Target) {
        kernels::morphology<Target>(context.stream(), grid, on, step, voxels.data(), voxels.data(), scratch.data());
    });
    Mask out;
    out.geometry = mask.geometry;
    out.voxels = voxels.download();
    return out;
}

}  // namespace

bool DeviceOperations::fits(int64_t voxels) const {
    return context_.on_gpu() && voxels > 0 && voxels < std::numeric_limits<int32_t>::max();
}

Volume DeviceOperations::resample_cubic(Volume volume, const Index3& size) const {
    if (!fits(volume.geometry.count()) || size == volume.geometry.size)
        return ImagingOperations::resample_cubic(std::move(volume), size);
    const auto [nx, ny, nz] = volume.geometry.size;
    volume.geometry = grid_of_size(volume.geometry, size);
    DeviceBuffer<float> values(context_, volume.voxels);
    resample_axis(context_, {ny * nz, nx, size[0], 1}, values);
    resample_axis(context_, {nz, ny, size[1], size[0]}, values);
    resample_axis(context_, {1, nz, size[2], size[0] * size[1]}, values);
    volume.voxels = values.download();
    return volume;
}

Mask DeviceOperations::dilate(const Mask& mask, double radius, Element element) const {
    if (!fits(mask.geometry.count())) return ImagingOperations::dilate(mask, radius, element);
    return run_morphology(context_, mask, radius, element, kernels::MorphologyStep::dilate);
}

Mask DeviceOperations::close(const Mask& mask, double radius, Element element) const {
    if (!fits(mask.geometry.count())) return ImagingOperations::close(mask, radius, element);
    return run_morphology(context_, mask, radius, element, kernels::MorphologyStep::close);
}

void DeviceOperations::fill_holes(Mask& mask, Element element) const {
    if (!fits(mask.geometry.count())) return ImagingOperations::fill_holes(mask, element);
    kernels::ComponentGrid grid = grid_of(mask);
    grid.in_slices = element == Element::disk;
    const DeviceBuffer<uint8_t> voxels(context_, mask.voxels);
    const DeviceBuffer<int32_t> parents(context_, mask.voxels.size());
    on_target(context_, [&]<class Target>(Target) {
        kernels::fill_holes<Target>(context_.stream(), grid, voxels.data(), parents.data());
    });
    mask.voxels = voxels.download();
}

Components DeviceOperations::components(const Mask& mask, const ComponentOptions& options) const {
    if (!fits(mask.geometry.count())) return ImagingOperations::components(mask, options);
    kernels::ComponentGrid grid = grid_of(mask);
    grid.corners = options.connectivity == Connectivity::corners;
    grid.in_slices = options.in_slices;
    grid.background = options.background;
    const DeviceBuffer<uint8_t> voxels(context_, mask.voxels);
    const DeviceBuffer<int32_t> labels(context_, mask.voxels.size()), count(context_, size_t{1});
    on_target(context_, [&]<class Target>(Target) {
        const DeviceBuffer<std::byte> scratch(context_, kernels::connected_components_scratch<Target>(grid));
        kernels::connected_components<Target>(context_.stream(), grid, voxels.data(), labels.data(), count.data(),
                                              scratch.data());
    });
    return {mask.geometry.size, labels.download()};
}

}  // namespace cmtl
