// Lifetime of tensor blocks, storage shared by views, metadata of layers, and owned values.
#include <tensorwright/tw.hpp>

#include <cstdlib>
#include <thread>

#include "check.h"
#include "dispatch/host.h"
#include "dispatch/layers.h"
#include "runtime/tensor.h"

using namespace tw;

namespace {

int destroyed = 0;

Tensor filled(IntList shape, float value) {
  Tensor t = empty(shape, kFloat32);
  for (int64_t i = 0; i < t.numel(); ++i) t.data<float>()[i] = value;
  return t;
}

void views_keep_memory_but_not_metadata() {
  add_layer(5, {"test.layer", [](void*) { ++destroyed; }, "test"});
  add_layer(6, {"test.other", [](void*) { destroyed += 10; }, "test"});
  int a = 0, b = 0;
  Tensor base = filled({4, 1000}, 3.0f);
  check(g_host->meta_set(base.get(), 5, &a));
  check(g_host->meta_set(base.get(), 6, &b));
  void* found = nullptr;
  check(g_host->meta_get(base.get(), 6, &found));
  TW_CHECK(found == &b);
  Tensor row = as_strided(base, {1000}, {1}, 4000);
  uint64_t key = 0, other = 0;
  g_host->storage_key(base.get(), &key), g_host->storage_key(row.get(), &other);
  TW_CHECK(key == other);
  check(g_host->bump_version(row.get()));
  TW_CHECK(storage_version(base.get()) == 1);
  base.reset();
  TW_CHECK(destroyed == 11);
  TW_CHECK(row.data<float>()[999] == 3.0f);
  Tensor part = as_strided(row, {2}, {500}, 0);
  row.reset();
  TW_CHECK(part.data<float>()[1] == 3.0f);
}

void set_data_takes_the_storage() {
  Tensor t = filled({2}, 1.0f), source = filled({3, 100}, 2.0f);
  Tensor old = as_strided(t, {1}, {1}, 4);
  check(g_host->set_data(t.get(), source.get()));
  TW_CHECK(t.ndim() == 2 && t.size(1) == 100 && t.data<float>() == source.data<float>());
  source.reset();
  TW_CHECK(t.data<float>()[299] == 2.0f);
  TW_CHECK(old.data<float>()[0] == 1.0f);
  Tensor wide = empty({1, 1, 1, 1, 1, 1, 1, 2}, kFloat32);  // more dimensions than a block holds
  check(g_host->set_data(t.get(), wide.get()));
  TW_CHECK(t.ndim() == 8 && t.size(7) == 2 && t.stride(0) == 2);
}

void foreign_memory_is_given_back_once() {
  static int freed = 0;
  float data[6] = {0, 1, 2, 3, 4, 5};
  int64_t shape[] = {2, 3}, strides[] = {1, 2};
  tw_dl view{data, {TW_DEVICE_CPU, 0}, 2, kFloat32, shape, strides, 0};
  tw_tensor* raw = nullptr;
  check(g_host->from_blob(&view, TW_F_READONLY, [](void* p) { ++*static_cast<int*>(p); }, &freed, &raw));
  Tensor t = Tensor::steal(raw);
  TW_CHECK(!t.is_contiguous() && (raw->flags & TW_F_READONLY));
  Tensor column = as_strided(t, {2}, {1}, 8);
  t.reset();
  TW_CHECK(freed == 0 && column.data<float>()[1] == 3.0f);
  column.reset();
  TW_CHECK(freed == 1);
  tw_tensor* outside = nullptr;
  Tensor small = filled({2}, 0.0f);
  const int64_t far[] = {100};
  const int64_t one[] = {1};
  TW_CHECK(g_host->as_strided(small.get(), far, one, 1, 0, &outside) == TW_E_VALUE && !outside);
}

void tensors_may_die_on_another_thread() {
  for (int round = 0; round < 100; ++round) {
    Tensor t = filled({100 + round}, 1.0f);
    Tensor view = as_strided(t, {10}, {1}, 0);
    std::thread worker([moved = std::move(view)]() mutable { moved.reset(); });
    t.reset();
    worker.join();
  }
}

void values_own_what_they_hold() {
  tw_value list = value_none();
  check(g_host->list_new(TW_TENSORS, 3, &list));
  auto** slots = static_cast<tw_tensor**>(list.u.p);
  slots[0] = filled({1}, 1.0f).release();
  tw_value nested = value_none();
  check(g_host->list_new(TW_VALUES, 2, &nested));
  static_cast<tw_value*>(nested.u.p)[0] = list;
  check(g_host->list_new(TW_STR, 5, &static_cast<tw_value*>(nested.u.p)[1]));
  g_host->value_clear(&nested);
  TW_CHECK(nested.tag == TW_NONE);
  TW_CHECK(g_host->list_new(99, 1, &list) == TW_E_UNSUPPORTED);
}

void objects_are_counted() {
  static int gone = 0;
  static const tw_object_type type{
      TW_OBJECT_TYPE_SIZE_V1, 0, "thing", [](void* p) { ++*static_cast<int*>(p); }, nullptr, nullptr, nullptr};
  tw_object* o = nullptr;
  check(g_host->object_new(&type, &gone, &o));
  g_host->object_retain(o);
  g_host->object_release(o);
  TW_CHECK(gone == 0);
  g_host->object_release(o);
  TW_CHECK(gone == 1);
}

void errors_cross_threads() {
  TW_CHECK(g_host->err_set(TW_E_SHAPE, "wrong shape") == TW_E_SHAPE);
  tw_error* taken = nullptr;
  check(g_host->err_take(&taken));
  const char* message = nullptr;
  g_host->err_message(&message);
  TW_CHECK(std::string(message).empty());
  std::thread([taken] {
    TW_CHECK(g_host->err_restore(taken) == TW_E_SHAPE);
    const char* text = nullptr;
    g_host->err_message(&text);
    TW_CHECK(std::string(text) == "wrong shape");
  }).join();
}

void sizes_are_checked() {
  tw_tensor* t = nullptr;
  const int64_t negative[] = {2, -1}, huge[] = {int64_t{1} << 40, int64_t{1} << 40};
  TW_CHECK(g_host->empty(negative, 2, kFloat32, {TW_DEVICE_CPU, 0}, &t) == TW_E_VALUE && !t);
  TW_CHECK(g_host->empty(huge, 2, kFloat32, {TW_DEVICE_CPU, 0}, &t) == TW_E_VALUE && !t);
  TW_CHECK(g_host->empty(huge, 65, kFloat32, {TW_DEVICE_CPU, 0}, &t) == TW_E_VALUE && !t);
  TW_CHECK(g_host->empty(huge, 1, {9, 32, 1}, {TW_DEVICE_CPU, 0}, &t) == TW_E_UNSUPPORTED && !t);
  TW_CHECK(g_host->empty(huge, 1, kFloat32, {77, 0}, &t) == TW_E_VALUE && !t);
}

}  // namespace

int main() {
  start_core();
  views_keep_memory_but_not_metadata();
  set_data_takes_the_storage();
  foreign_memory_is_given_back_once();
  tensors_may_die_on_another_thread();
  values_own_what_they_hold();
  objects_are_counted();
  errors_cross_threads();
  sizes_are_checked();
  return failures();
}
