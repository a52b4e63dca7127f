// Memory formats: in which order the dimensions of a tensor lie in memory.
#pragma once

#include <tensorwright/tw.hpp>

#include <optional>
#include <string_view>

namespace tw {

enum class MemoryFormat { kContiguous, kPreserve, kChannelsLast, kChannelsLast3d };

// What `memory_format=` says; ValueError for another word. Absent means `otherwise`.
TW_EXPORT MemoryFormat memory_format(const char* op, const std::optional<std::string_view>& name,
                                     MemoryFormat otherwise);

// Whether the elements fill a piece of memory without gaps, each at an address of its own.
TW_EXPORT bool is_dense(const tw_tensor* t);
// Whether the elements lie without gaps in the format's order. Dimensions of size 1 do not matter.
TW_EXPORT bool has_format(const tw_tensor* t, MemoryFormat format);

// The dense strides of a shape in a format; ShapeError if the format is one of other numbers of dimensions. With
// kPreserve they follow `like`, a tensor of the same shape: its own strides if it is dense, else the order of its
// dimensions in memory.
void format_strides(const char* op, MemoryFormat format, IntList shape, const tw_tensor* like, int64_t* strides);

// Dense strides in the order in which the operands have the dimensions: the first operand that tells two dimensions
// apart decides about them. Operands broadcast to the shape from the right; null ones are passed over.
void common_strides(IntList shape, const tw_tensor* const* operands, int count, int64_t* strides);

// A new tensor of given strides, in memory that just holds it. The overload without a backend checks the device.
tw_status tensor_empty_strided_on(const int64_t* shape, const int64_t* strides, int32_t ndim, tw_dtype dtype,
                                  tw_device device, uint32_t backend, tw_tensor** out);
Tensor empty_strided(IntList shape, IntList strides, tw_dtype dtype, tw_device device);
// As `like`, in a format: what empty_like and conversions give.
Tensor empty_formatted(const char* op, TensorRef like, tw_dtype dtype, tw_device device, MemoryFormat format);

}  // namespace tw
