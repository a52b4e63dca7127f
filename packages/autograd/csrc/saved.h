// Values that a node keeps from its forward operation, with the versions that tensors must still have.
#pragma once

#include <tensorwright/tw.hpp>

#include "node.h"
#include "saved_hooks.h"

namespace tw::autograd {

// What the derivative's tables say of a saved value, for messages.
struct SavedName {
  const char* op;     // "tw::mul"
  const char* node;   // "MulBackward"
  const char* value;  // "other"
};

// A saved tensor on its way out.
struct SavedHandle {
  Tensor tensor;
  uint64_t version = 0;
  uint32_t origin = 0;  // of one of the kinds in SavedValue
  PackedRef packed{nullptr};

  // The tensor, after its version was checked. With `history`, a saved output is a result of `node` again.
  Tensor finish(Node& node, bool history, const SavedName& name) &&;
};

class SavedValue {
 public:
  // aux of a saved tensor: one of these, or 1 + slot of a saved output
  static constexpr uint32_t kInput = 0, kUncheckedInput = ~uint32_t{0};

  SavedValue() = default;
  SavedValue(const SavedValue&) = delete;
  ~SavedValue() { reset(); }

  // A tensor that others made: kept as it is, with its history.
  void save_tensor(TensorRef t);
  // As save_tensor, but the tensor may be written before it is read.
  void save_unchecked(TensorRef t);
  void save_tensors(TensorList tensors);
  // A result of the node itself: kept without the result's history, which would keep the node alive for ever.
  void save_output(TensorRef t, uint32_t slot);
  // Shape and dtype only.
  void save_shape(TensorRef t);
  // Shapes and dtypes of a list of tensors.
  void save_shapes(TensorList tensors);
  // Shape, strides, dtype and address of a tensor, for derivatives of views by strides.
  void save_geometry(TensorRef t);
  // Anything but tensors; lists and strings are copied.
  void save_plain(const tw_value& value);
  void reset();

  bool empty() const { return value_.tag == TW_NONE; }
  bool holds_tensor() const { return value_.tag == TW_TENSOR || value_.tag == kPacked; }
  bool holds_tensors() const { return value_.tag == TW_TENSORS; }
  const tw_value& value() const { return value_; }
  tw_dtype dtype() const { return dtype_; }

  // What reads the saved tensors takes handles under the node's lock, and finishes without it: hooks run then.
  SavedHandle handle() const;
  std::vector<SavedHandle> handles() const;
  // Puts hooks over a tensor that is kept as it is; `item` counts in a list.
  void set_hooks(Node& node, uint32_t item, const SavedHooks& hooks);

 private:
  static constexpr uint32_t kPacked = 0x100;  // a tag of our own: u.p is a PackedTensor

  void copy_list(uint32_t tag, const void* items, size_t count, size_t item_bytes);
  void replace_by(PackedTensor* packed, uint32_t origin);
  tw_value value_ = value_none();
  union {
    uint64_t version_ = 0;  // of a tensor
    tw_dtype dtype_;        // of a shape
  };
};

// Reads what save_shapes() wrote.
class SavedShapes {
 public:
  explicit SavedShapes(const tw_value& value) : words_(static_cast<const int64_t*>(value.u.p)) {}
  size_t size() const { return static_cast<size_t>(words_[0]); }
  IntList shape(size_t i) const;
  tw_dtype dtype(size_t i) const;

 private:
  const int64_t* entry(size_t i) const;
  const int64_t* words_;  // n, then for each: dtype, ndim, sizes
};

// Reads what save_geometry() wrote.
struct SavedGeometry {
  static SavedGeometry of(const SavedValue& saved);
  IntList shape, strides;
  const char* data;
  tw_dtype dtype;
  tw_device device;
};

}  // namespace tw::autograd
