#include "saved.h"

#include "meta.h"
#include "tensor_ops.h"
#include "text.h"
#include "transform/wrapped.h"

namespace tw::autograd {
namespace {

// The op that last wrote the tensor, if its write was recorded; null otherwise.
const char* last_writer(tw_tensor* t, uint64_t version) {
  const auto written_by = [version](const tw_tensor* candidate) -> const char* {
    const Meta* meta = meta_of(candidate);
    return meta && meta->last_in_place_version == version ? meta->last_in_place : nullptr;
  };
  if (const char* op = written_by(t)) return op;
  if (!(t->flags & TW_F_VIEW) || !TW_HAS(g_host, tw_host, view_base)) return nullptr;
  tw_tensor* base = nullptr;
  check(g_host->view_base(t, &base));
  const Tensor held = Tensor::steal(base);
  return base ? written_by(base) : nullptr;
}

constexpr size_t kGeometryWords = 4;  // address, dtype, device type, device index; then sizes and strides

int64_t dtype_word(tw_dtype dtype) {
  int64_t word = 0;
  std::memcpy(&word, &dtype, sizeof dtype);
  return word;
}

tw_dtype dtype_of_word(int64_t word) {
  tw_dtype dtype;
  std::memcpy(&dtype, &word, sizeof dtype);
  return dtype;
}

// An item of a saved list: the tensor, or what hooks made of it.
struct SavedTensor {
  tw_tensor* tensor;
  uint64_t version;
  PackedTensor* packed;
};

size_t item_bytes(uint32_t tag) {
  switch (tag) {
    case TW_STR:
      return 1;
    case TW_INTS:
      return sizeof(int64_t);
    case TW_FLOATS:
      return sizeof(double);
    case TW_COMPLEX:
      return 2 * sizeof(double);
    case TW_TENSORS:
      return sizeof(SavedTensor);
    default:
      return 0;
  }
}

[[noreturn]] void refuse_modified(TensorRef t, uint64_t version, uint64_t expected, const SavedName& name) {
  const char* writer = last_writer(t.get(), version);
  const std::string cause = writer ? text("the last write was ", short_name(writer), "_")
                                   : "the last write was not recorded (under no_grad or through a detached tensor)";
  throw Error(TW_E_UNKNOWN,
              text(short_name(name.op), ": ", name.value, " (", t.dtype(), " ", t.shape(), "), which ", name.node,
                   " needs for the gradient, was modified in place (version ", version, ", expected ", expected, "); ",
                   cause, ". Clone it before the write, or write out of place"));
}

size_t list_bytes(const tw_value& value) {
  if (value.tag == TW_COMPLEX) return item_bytes(TW_COMPLEX);  // aux of a complex number is no length
  return value.aux * item_bytes(value.tag);
}

void release_item(const SavedTensor& item) {
  if (item.tensor) g_host->release(item.tensor);
  if (item.packed) item.packed->release();
}

Edge history_of(TensorRef t) { return gradient_edge(t.get()); }

}  // namespace

void SavedValue::reset() {
  const tw_value old = std::exchange(value_, value_none());
  if (old.tag == TW_TENSORS)
    for (uint32_t i = 0; i < old.aux; ++i) release_item(static_cast<SavedTensor*>(old.u.p)[i]);
  if (old.tag == TW_TENSOR)
    g_host->release(old.u.t);
  else if (old.tag == kPacked)
    static_cast<PackedTensor*>(old.u.p)->release();
  else if (old.tag == TW_OBJECT)
    g_host->object_release(old.u.o);
  else if (const size_t bytes = list_bytes(old))
    pool_free(old.u.p, bytes);
}

void SavedValue::replace_by(PackedTensor* packed, uint32_t origin) {
  reset();
  value_ = {kPacked, origin, {0}};
  value_.u.p = packed;
}

void SavedValue::save_tensor(TensorRef t) {
  reset();
  if (!t) return;
  if (const SavedHooks* hooks = current_saved_hooks())
    return replace_by(PackedTensor::make(*hooks, t, history_of(t)), kInput);
  g_host->retain(t.get());
  value_ = to_value(t);
  version_ = version_of(t.get());
}

void SavedValue::save_unchecked(TensorRef t) {
  save_tensor(t);
  if (t) value_.aux = kUncheckedInput;
}

void SavedValue::save_tensors(TensorList tensors) {
  reset();
  std::vector<SavedTensor> entries(tensors.size());
  const SavedHooks* hooks = current_saved_hooks();
  std::vector<PackedRef> packed;
  for (size_t i = 0; hooks && i < tensors.size(); ++i)
    packed.emplace_back(tensors[i] ? PackedTensor::make(*hooks, tensors[i], history_of(tensors[i])) : nullptr);
  for (size_t i = 0; i < tensors.size(); ++i) {
    tw_tensor* t = tensors[i];
    if (!packed.empty()) {
      entries[i] = {nullptr, 0, packed[i].release()};
      continue;
    }
    if (t) g_host->retain(t);
    entries[i] = {t, t ? version_of(t) : 0, nullptr};
  }
  copy_list(TW_TENSORS, entries.data(), entries.size(), sizeof(SavedTensor));
}

void SavedValue::save_output(TensorRef t, uint32_t slot) {
  reset();
  if (const SavedHooks* hooks = current_saved_hooks()) return replace_by(PackedTensor::make(*hooks, t, {}), slot + 1);
  tw_tensor* alias = alias_of(t).release();
  value_ = to_value(TensorRef(alias));
  value_.aux = slot + 1;
  version_ = version_of(alias);
}

void SavedValue::save_shape(TensorRef t) {
  reset();
  if (!t) return;
  copy_list(TW_INTS, t.shape().data(), t.shape().size(), sizeof(int64_t));
  dtype_ = t.dtype();
}

void SavedValue::save_shapes(TensorList tensors) {
  reset();
  std::vector<int64_t> words{static_cast<int64_t>(tensors.size())};
  for (const TensorRef t : tensors) {
    words.push_back(dtype_word(t.dtype()));
    words.push_back(t.ndim());
    words.insert(words.end(), t.shape().begin(), t.shape().end());
  }
  copy_list(TW_INTS, words.data(), words.size(), sizeof(int64_t));
}

void SavedValue::save_geometry(TensorRef t) {
  reset();
  std::vector<int64_t> words{static_cast<int64_t>(reinterpret_cast<intptr_t>(t.data<char>())), dtype_word(t.dtype()),
                             t.device().type, t.device().index};
  words.insert(words.end(), t.shape().begin(), t.shape().end());
  words.insert(words.end(), t.strides().begin(), t.strides().end());
  copy_list(TW_INTS, words.data(), words.size(), sizeof(int64_t));
}

void SavedValue::save_plain(const tw_value& value) {
  reset();
  if (const size_t bytes = list_bytes(value)) {
    copy_list(value.tag, value.u.p, bytes / item_bytes(value.tag), item_bytes(value.tag));
    value_.aux = value.aux;
  } else {
    value_ = value;
    if (value.tag == TW_OBJECT) g_host->object_retain(value.u.o);
  }
}

void SavedValue::copy_list(uint32_t tag, const void* items, size_t count, size_t size) {
  tw_value copy{tag, static_cast<uint32_t>(count), {0}};
  if (const size_t bytes = count * size; bytes != 0) {
    copy.u.p = pool_allocate(bytes);
    std::memcpy(copy.u.p, items, bytes);
  }
  value_ = copy;
}

SavedHandle SavedValue::handle() const {
  SavedHandle handle;
  handle.origin = value_.aux;
  if (value_.tag == kPacked) {
    handle.packed = PackedRef(static_cast<PackedTensor*>(value_.u.p)->retain());
  } else if (value_.tag == TW_TENSOR) {
    handle.tensor = Tensor::retain(value_.u.t);
    handle.version = version_;
  }
  return handle;
}

std::vector<SavedHandle> SavedValue::handles() const {
  std::vector<SavedHandle> handles;
  const auto* entries = static_cast<const SavedTensor*>(value_.u.p);
  for (uint32_t i = 0; value_.tag == TW_TENSORS && i < value_.aux; ++i) {
    SavedHandle& handle = handles.emplace_back();
    handle.tensor = Tensor::retain(entries[i].tensor);
    handle.version = entries[i].version;
    if (entries[i].packed) handle.packed = PackedRef(entries[i].packed->retain());
  }
  return handles;
}

Tensor SavedHandle::finish(Node& node, bool history, const SavedName& name) && {
  const bool own_output = origin != SavedValue::kInput && origin != SavedValue::kUncheckedInput;
  if (packed) {
    if (!history) return packed->unpack_as({});
    return own_output ? packed->unpack_as({NodeRef::retain(&node), origin - 1}) : packed->unpack();
  }
  if (!tensor || origin == SavedValue::kUncheckedInput) return std::move(tensor);
  const uint64_t now = version_of(tensor.get());
  if (now != version) refuse_modified(tensor, now, version, name);
  if (!own_output || !history) return std::move(tensor);
  Tensor result = alias_of(tensor);
  set_history(result.get(), NodeRef::retain(&node), origin - 1);
  return result;
}

void SavedValue::set_hooks(Node& node, uint32_t item, const SavedHooks& hooks) {
  const auto find = [&]() -> SavedHandle {
    const Node::SavedLock lock(node);
    if (value_.tag != TW_TENSORS) return handle();
    std::vector<SavedHandle> all = handles();
    return item < all.size() ? std::move(all[item]) : SavedHandle();
  };
  SavedHandle present = find();
  if (present.packed) throw Error(TW_E_UNKNOWN, "register_hooks: the saved tensor has hooks already");
  if (!present.tensor)
    throw Error(TW_E_UNKNOWN, "register_hooks: there is no tensor: None was saved, or a backward pass has freed it");
  const bool own_output = present.origin != kInput && present.origin != kUncheckedInput;
  PackedRef packed(PackedTensor::make(hooks, present.tensor, own_output ? Edge() : history_of(present.tensor)));
  Tensor dropped;
  const Node::SavedLock lock(node);
  if (value_.tag == TW_TENSOR) {
    dropped = Tensor::steal(value_.u.t);
    value_ = {kPacked, present.origin, {0}};
    value_.u.p = packed.release();
  } else if (value_.tag == TW_TENSORS) {
    SavedTensor& entry = static_cast<SavedTensor*>(value_.u.p)[item];
    dropped = Tensor::steal(entry.tensor);
    entry = {nullptr, 0, packed.release()};
  }
}

const int64_t* SavedShapes::entry(size_t i) const {
  const int64_t* at = words_ + 1;
  while (i--) at += 2 + at[1];
  return at;
}
IntList SavedShapes::shape(size_t i) const { return {entry(i) + 2, static_cast<size_t>(entry(i)[1])}; }
tw_dtype SavedShapes::dtype(size_t i) const { return dtype_of_word(entry(i)[0]); }

SavedGeometry SavedGeometry::of(const SavedValue& saved) {
  const auto* words = static_cast<const int64_t*>(saved.value().u.p);
  const size_t ndim = (saved.value().aux - kGeometryWords) / 2;
  SavedGeometry geometry;
  geometry.data = reinterpret_cast<const char*>(static_cast<intptr_t>(words[0]));
  geometry.dtype = dtype_of_word(words[1]);
  geometry.device = {static_cast<int32_t>(words[2]), static_cast<int32_t>(words[3])};
  geometry.shape = {words + kGeometryWords, ndim};
  geometry.strides = {words + kGeometryWords + ndim, ndim};
  return geometry;
}

}  // namespace tw::autograd
