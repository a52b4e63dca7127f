#include "runtime/layout.h"

#include <algorithm>
#include <cstring>

#include "runtime/device.h"
#include "runtime/error.h"
#include "runtime/tensor.h"
#include "runtime/text.h"

namespace tw {

MemoryFormat memory_format(const char* op, const std::optional<std::string_view>& name, MemoryFormat otherwise) {
  if (!name) return otherwise;
  if (*name == "contiguous_format") return MemoryFormat::kContiguous;
  if (*name == "preserve_format") return MemoryFormat::kPreserve;
  if (*name == "channels_last") return MemoryFormat::kChannelsLast;
  if (*name == "channels_last_3d") return MemoryFormat::kChannelsLast3d;
  throw fail(TW_E_VALUE, op,
             ": memory_format must be contiguous_format, preserve_format, channels_last or channels_last_3d, got '",
             *name, "'");
}

namespace {

// Dimensions from the one whose neighbours lie side by side to the outermost one.
constexpr int kChannelsLastOrder[] = {1, 3, 2, 0};
constexpr int kChannelsLast3dOrder[] = {1, 4, 3, 2, 0};

bool is_dense_in(const tw_tensor* t, const int* order, int n) {
  int64_t expected = 1;
  for (int i = 0; i < n; ++i) {
    const int64_t size = t->dl.shape[order[i]];
    if (size == 1) continue;
    if (t->dl.strides[order[i]] != expected) return false;
    expected *= size;
  }
  return true;
}

void dense_strides(IntList shape, const int* order, int64_t* strides) {
  int64_t step = 1;
  for (size_t i = 0; i < shape.size(); ++i) {
    strides[order[i]] = step;
    if (__builtin_mul_overflow(step, std::max<int64_t>(shape[static_cast<size_t>(order[i])], 1), &step))
      throw fail(TW_E_VALUE, "shape ", shape, " is too large: its number of elements overflows 64 bits");
  }
}

void row_major_order(int ndim, int* order) {
  for (int i = 0; i < ndim; ++i) order[i] = ndim - 1 - i;
}

}  // namespace

bool is_dense(const tw_tensor* t) {
  if (t->flags & TW_F_CONTIGUOUS) return true;
  int order[TW_MAX_NDIM];
  const int ndim = t->dl.ndim;
  row_major_order(ndim, order);
  std::stable_sort(order, order + ndim, [&](int a, int b) {
    const bool a_last = t->dl.shape[a] < 2, b_last = t->dl.shape[b] < 2;
    return a_last != b_last ? b_last : t->dl.strides[a] < t->dl.strides[b];
  });
  return is_dense_in(t, order, ndim);
}

bool has_format(const tw_tensor* t, MemoryFormat format) {
  switch (format) {
    case MemoryFormat::kChannelsLast:
      return t->dl.ndim == 4 && (t->numel == 0 || is_dense_in(t, kChannelsLastOrder, 4));
    case MemoryFormat::kChannelsLast3d:
      return t->dl.ndim == 5 && (t->numel == 0 || is_dense_in(t, kChannelsLast3dOrder, 5));
    default:
      return t->flags & TW_F_CONTIGUOUS;
  }
}

void format_strides(const char* op, MemoryFormat format, IntList shape, const tw_tensor* like, int64_t* strides) {
  const int ndim = static_cast<int>(shape.size());
  if (format == MemoryFormat::kPreserve && like) {
    if (is_dense(like)) return (void)std::copy_n(like->dl.strides, ndim, strides);
    return common_strides(shape, &like, 1, strides);
  }
  const bool flat = format == MemoryFormat::kChannelsLast, solid = format == MemoryFormat::kChannelsLast3d;
  if ((flat && ndim != 4) || (solid && ndim != 5))
    throw fail(TW_E_SHAPE, op, ": memory_format ", flat ? "channels_last" : "channels_last_3d", " is one of ",
               flat ? 4 : 5, " dimensions, the shape is ", shape);
  int order[TW_MAX_NDIM];
  row_major_order(ndim, order);
  dense_strides(shape, flat ? kChannelsLastOrder : solid ? kChannelsLast3dOrder : order, strides);
}

namespace {

// The stride of an operand along a dimension of the result; 0 where it repeats.
int64_t stride_along(const tw_tensor* t, int dim, IntList shape) {
  const int own = dim - (static_cast<int>(shape.size()) - t->dl.ndim);
  const bool repeats = own < 0 || (t->dl.shape[own] == 1 && shape[static_cast<size_t>(dim)] != 1);
  return repeats ? 0 : t->dl.strides[own];
}

// Whether dimension a lies outside of b (> 0) or inside (< 0) for the first operand that tells.
int compare_dims(int a, int b, IntList shape, const tw_tensor* const* operands, int count) {
  for (int k = 0; k < count; ++k) {
    if (!operands[k]) continue;
    const int64_t sa = stride_along(operands[k], a, shape), sb = stride_along(operands[k], b, shape);
    if (sa == 0 || sb == 0) continue;
    if (sa != sb) return sa < sb ? -1 : 1;
    if (shape[static_cast<size_t>(a)] > shape[static_cast<size_t>(b)]) return 1;
  }
  return 0;
}

}  // namespace

void common_strides(IntList shape, const tw_tensor* const* operands, int count, int64_t* strides) {
  const int ndim = static_cast<int>(shape.size());
  int order[TW_MAX_NDIM];
  row_major_order(ndim, order);
  for (int i = 1; i < ndim; ++i) {
    for (int at = i, before = i - 1; before >= 0; --before) {
      const int order_of = compare_dims(order[before], order[at], shape, operands, count);
      if (order_of < 0) break;
      if (order_of > 0) std::swap(order[before], order[at]), at = before;
    }
  }
  dense_strides(shape, order, strides);
}

namespace {

// One past the furthest element.
bool reach(const int64_t* shape, const int64_t* strides, int32_t ndim, int64_t* numel) {
  int64_t last = 0;
  for (int32_t d = 0; d < ndim; ++d) {
    if (shape[d] == 0) return *numel = 0, true;
    int64_t along;
    if (__builtin_mul_overflow(shape[d] - 1, strides[d], &along) || __builtin_add_overflow(last, along, &last))
      return false;
  }
  *numel = last + 1;
  return last < INT64_MAX / 16;
}

}  // namespace

tw_status tensor_empty_strided_on(const int64_t* shape, const int64_t* strides, int32_t ndim, tw_dtype dtype,
                                  tw_device device, uint32_t backend, tw_tensor** out) {
  *out = nullptr;
  int64_t numel = 0, size = 0;
  const IntList sizes{shape, static_cast<size_t>(ndim)};
  for (int64_t s : sizes)
    if (s < 0) return set_error_text(TW_E_VALUE, "shape ", sizes, ": sizes must not be negative");
  if (!checked_numel(shape, ndim, &numel) || !reach(shape, strides, ndim, &size))
    return set_error_text(TW_E_VALUE, "shape ", sizes, " with strides ", IntList{strides, sizes.size()},
                          " is too large: its size in bytes overflows 64 bits");
  tw_tensor* made;
  if (const tw_status status = tensor_empty_on(&size, 1, dtype, device, backend, &made)) return status;
  if (const tw_status status = tensor_set_layout(made, shape, strides, ndim)) {
    tensor_release(made);
    return status;
  }
  return *out = made, TW_OK;
}

Tensor empty_strided(IntList shape, IntList strides, tw_dtype dtype, tw_device device) {
  uint32_t backend = kBackendCpu;
  check(resolve_device(device, &backend));
  if (shape.size() > TW_MAX_NDIM)
    throw fail(TW_E_VALUE, "a tensor has 0 to ", TW_MAX_NDIM, " dimensions, not ", static_cast<int64_t>(shape.size()));
  tw_tensor* out = nullptr;
  check(tensor_empty_strided_on(shape.data(), strides.data(), static_cast<int32_t>(shape.size()), dtype, device,
                                backend, &out));
  return Tensor::steal(out);
}

Tensor empty_formatted(const char* op, TensorRef like, tw_dtype dtype, tw_device device, MemoryFormat format) {
  if (format == MemoryFormat::kContiguous || (format == MemoryFormat::kPreserve && like.is_contiguous()))
    return empty(like.shape(), dtype, device);
  int64_t strides[TW_MAX_NDIM];
  format_strides(op, format, like.shape(), like.get(), strides);
  return empty_strided(like.shape(), {strides, static_cast<size_t>(like.ndim())}, dtype, device);
}

}  // namespace tw
