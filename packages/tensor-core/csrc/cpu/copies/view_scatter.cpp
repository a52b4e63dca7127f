// Copies of a tensor with part of it replaced. The part is a view of the result, which is new memory.
#include <algorithm>

#include "cpu/copies/copy.h"
#include "cpu/staging.h"
#include "declarations/view_scatter.h"
#include "declarations/views.h"
#include "runtime/text.h"
#include "view/geometry.h"

namespace tw::cpu {

void select_scatter(TensorRef self, TensorRef src, int64_t dim, int64_t index, TensorRef out) {
  const Tensor part = view::select(out, dim, index);
  copy_elements(out, self);
  copy_elements(part, src);
}

void slice_scatter(TensorRef self, TensorRef src, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end,
                   int64_t step, TensorRef out) {
  const Tensor part = view::slice(out, dim, start, end, step);
  if (!view::has_shape(part, src.shape()))
    throw fail(TW_E_SHAPE, "slice_scatter: src has shape ", src.shape(), ", but the slice has ", part.shape());
  copy_elements(out, self);
  copy_elements(part, src);
}

void diagonal_scatter(TensorRef self, TensorRef src, int64_t offset, int64_t dim1, int64_t dim2, TensorRef out) {
  copy_elements(out, self);
  copy_elements(view::diagonal(out, offset, dim1, dim2), src);
}

void diag_embed(TensorRef self, int64_t offset, int64_t dim1, int64_t dim2, TensorRef out) {
  if (out.numel() == 0) return;
  clear_bytes(out.data<void>(), out.numel() * item_size(out.dtype()));
  copy_elements(view::diagonal(out, offset, dim1, dim2), self);
}

void fill_diagonal(TensorRef self, const Scalar& fill_value, bool wrap, TensorRef out) {
  alignas(16) char value[16];
  scalar_bytes("fill_diagonal", fill_value, out.dtype(), value);
  if (out.data<void>() != self.data<void>()) copy_elements(out, self);
  if (out.numel() == 0) return;
  int64_t step = 0, least = out.size(0);
  for (int d = 0; d < out.ndim(); ++d) step += out.stride(d), least = std::min(least, out.size(d));
  const auto fill = [&](int64_t row, int64_t count) {
    fill_elements(as_strided(out, {count}, {step}, row * out.stride(0) * item_size(out.dtype())), value);
  };
  const int64_t rows = out.size(0), period = least + 1;  // a row of a wrapped diagonal's end stays as it is
  for (int64_t row = 0; row < (wrap && out.ndim() == 2 ? rows : 1); row += period)
    fill(row, std::min(least, rows - row));
}

}  // namespace tw::cpu
