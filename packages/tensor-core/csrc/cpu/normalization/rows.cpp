#include "cpu/normalization/rows.h"

namespace tw::cpu {

StagedRows::StagedRows(TensorRef t, int64_t length, tw_dtype dtype)
    : data_(t.data<char>()), length_(length), item_(item_size(t.dtype())), wide_item_(item_size(dtype)) {
  if (t.dtype() == dtype) return;
  widen_ = cast_function(dtype_id(t.dtype()), dtype_id(dtype));
  narrow_ = cast_function(dtype_id(dtype), dtype_id(t.dtype()));
  const size_t bytes = static_cast<size_t>(at_once(length) * length * wide_item_);
  buffer_.reset(static_cast<char*>(::operator new(bytes, kAlignment)));
}

int64_t StagedRows::at_once(int64_t length) {
  constexpr int64_t kElements = 2048;
  return length > 0 ? std::max<int64_t>(kElements / length / 2, 1) * 2 : 1;
}

void StagedRows::widen(int64_t row, int64_t count) const {
  widen_(count * length_, at(row), item_, buffer_.get(), wide_item_);
}

void StagedRows::write(int64_t row, int64_t count) const {
  if (buffer_) narrow_(count * length_, buffer_.get(), wide_item_, at(row), item_);
}

}  // namespace tw::cpu
