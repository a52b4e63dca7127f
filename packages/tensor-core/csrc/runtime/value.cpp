#include "runtime/value.h"

#include <cstdlib>
#include <new>

#include "runtime/error.h"
#include "runtime/tensor.h"

namespace tw {

namespace {

size_t element_size(uint32_t tag) {
  switch (tag) {
    case TW_STR:
      return 1;
    case TW_INTS:
    case TW_FLOATS:
    case TW_TENSORS:
      return 8;
    case TW_COMPLEX:
      return 2 * sizeof(double);
    case TW_VALUES:
      return sizeof(tw_value);
    default:
      return 0;
  }
}

void clear_elements(tw_value* v) {
  if (v->tag == TW_TENSORS) {
    auto** list = static_cast<tw_tensor**>(v->u.p);
    for (uint32_t i = 0; i < v->aux; ++i)
      if (list[i]) tensor_release(list[i]);
  } else if (v->tag == TW_VALUES) {
    auto* list = static_cast<tw_value*>(v->u.p);
    for (uint32_t i = 0; i < v->aux; ++i) value_clear(&list[i]);
  }
}

uint64_t* object_count(tw_object* o) { return &o->_private[0]; }

}  // namespace

tw_status list_new(uint32_t tag, uint32_t n, tw_value* out) {
  *out = {TW_NONE, 0, {0}};
  const size_t size = element_size(tag);
  if (!size) return set_error_text(TW_E_UNSUPPORTED, "list_new: values with tag ", tag, " are not lists");
  void* data = std::calloc(n ? n : 1, size);
  if (!data) return set_error_text(TW_E_NOMEM, "out of memory: a list of ", n, " values");
  out->tag = tag;
  out->aux = n;
  out->u.p = data;
  return TW_OK;
}

void value_clear(tw_value* owned) {
  if (owned->tag == TW_TENSOR) {
    tensor_release(owned->u.t);
  } else if (owned->tag == TW_OBJECT) {
    object_release(owned->u.o);
  } else if (element_size(owned->tag)) {
    clear_elements(owned);
    std::free(owned->u.p);
  }
  *owned = {TW_NONE, 0, {0}};
}

tw_status object_new(const tw_object_type* type, void* payload, tw_object** out) {
  *out = nullptr;
  if (!type || type->size < TW_OBJECT_TYPE_SIZE_V1 || !type->type_name)
    return set_error(TW_E_ABI, "object_new: the object type is too small or has no name");
  auto* o = new (std::nothrow) tw_object{{1, 0}, type, payload};
  if (!o) return set_error(TW_E_NOMEM, "out of memory");
  *out = o;
  return TW_OK;
}

void object_retain(tw_object* o) { __atomic_fetch_add(object_count(o), 1, __ATOMIC_RELAXED); }

void object_release(tw_object* o) {
  if (__atomic_sub_fetch(object_count(o), 1, __ATOMIC_ACQ_REL) != 0) return;
  if (o->type->destroy) o->type->destroy(o->payload);
  delete o;
}

}  // namespace tw
