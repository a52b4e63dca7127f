// Objects that cross the ABI: callables from Python, and handles that Python gets from us.
#pragma once

#include <tensorwright/tw.hpp>

namespace tw {

// Owns one reference to an object.
class ObjectRef {
 public:
  ObjectRef() = default;
  static ObjectRef retain(tw_object* object) {
    if (object) g_host->object_retain(object);
    return ObjectRef(object);
  }
  static ObjectRef steal(tw_object* object) { return ObjectRef(object); }
  ObjectRef(const ObjectRef& other) : ObjectRef(retain(other.object_)) {}
  ObjectRef(ObjectRef&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  ObjectRef& operator=(ObjectRef other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~ObjectRef() {
    if (object_) g_host->object_release(object_);
  }
  tw_object* get() const { return object_; }
  tw_object* release() { return std::exchange(object_, nullptr); }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  explicit ObjectRef(tw_object* object) : object_(object) {}
  tw_object* object_ = nullptr;
};

// An owned value: what a call returned.
class Value {
 public:
  Value() : value_(value_none()) {}
  Value(const Value&) = delete;
  ~Value() { g_host->value_clear(&value_); }
  tw_value* operator&() { return &value_; }
  const tw_value* operator->() const { return &value_; }
  const tw_value& get() const { return value_; }
  bool is_none() const { return value_.tag == TW_NONE; }
  tw_value release() { return std::exchange(value_, value_none()); }

 private:
  tw_value value_;
};

// Calls `object` and stores what it returned; a Python exception passes through as PendingError.
inline void call_object(tw_object* object, Span<tw_value> args, Value& result) {
  if (!object->type->call) throw Error(TW_E_TYPE, std::string("a ") + object->type->type_name + " is not callable");
  check(object->type->call(object->payload, args.data(), static_cast<uint32_t>(args.size()), &result));
}

inline std::string text_of(const tw_value& value) {
  return value.tag == TW_STR ? std::string(static_cast<const char*>(value.u.p), value.aux) : std::string();
}

}  // namespace tw
