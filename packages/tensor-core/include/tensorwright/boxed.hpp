// Boxed adapters of plain functions: `boxed<f>` is a kernel that reads f's arguments from the call and gives its
// result.
#pragma once

#include <tensorwright/tw.hpp>

#include <utility>

#include <tensorwright/object.hpp>

namespace tw {

inline void give_result(tw_value* ret, ObjectRef object) { *ret = to_value(object.release()); }
inline void give_result(tw_value* ret, Tensor tensor) {
  *ret = to_value(static_cast<TensorRef>(tensor));
  static_cast<void>(tensor.release());
}
template <class T>
void give_result(tw_value* ret, T value) {
  give(ret, std::move(value));
}

template <class R, class... A, size_t... I>
void call_boxed(R (*f)(A...), const tw_call& call, std::index_sequence<I...>) {
  if constexpr (std::is_void_v<R>)
    f(From<std::decay_t<A>>::get(call.args[I])...);
  else
    give_result(&call.rets[0], f(From<std::decay_t<A>>::get(call.args[I])...));
}

template <class R, class... A>
void call_boxed(R (*f)(A...), const tw_call& call) {
  call_boxed(f, call, std::index_sequence_for<A...>());
}

template <auto F>
tw_status TW_CALL boxed(void*, tw_call* call) {
  return guard([&] { call_boxed(F, *call); });
}

}  // namespace tw
