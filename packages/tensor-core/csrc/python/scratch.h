// Memory that lives as long as one call's arguments: lists, complex pairs, references.
#pragma once

#include <tensorwright/tw.hpp>

#include <new>

#include "python/python.h"

namespace tw::python {

class Scratch {
 public:
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  ~Scratch() {
    if (owned_ || chunks_) release_all();
  }

  template <class T>
  T* take(size_t count) {
    static_assert(alignof(T) <= 8 && std::is_trivially_destructible_v<T>);
    const size_t bytes = (count * sizeof(T) + 7) & ~size_t{7};
    if (bytes > sizeof(inline_) - used_) return static_cast<T*>(take_chunk(bytes));
    void* p = inline_ + used_;
    used_ += bytes;
    return static_cast<T*>(p);
  }
  void own(PyObject* object) { add(object, nullptr); }
  void own(tw_object* object) { add(nullptr, object); }

 private:
  struct Owned {
    PyObject* python;
    tw_object* object;
    Owned* next;
  };
  struct Chunk {
    Chunk* next;
    int64_t _pad;
  };

  void add(PyObject* python, tw_object* object) {
    Owned* entry = take<Owned>(1);
    *entry = {python, object, owned_};
    owned_ = entry;
  }
  void* take_chunk(size_t bytes) {
    auto* chunk = static_cast<Chunk*>(::operator new(sizeof(Chunk) + bytes));
    chunk->next = chunks_;
    chunks_ = chunk;
    return chunk + 1;
  }
  void release_all() {
    for (Owned* o = owned_; o; o = o->next) {
      Py_XDECREF(o->python);
      if (o->object) g_host->object_release(o->object);
    }
    while (chunks_) ::operator delete(std::exchange(chunks_, chunks_->next));
  }

  size_t used_ = 0;
  Owned* owned_ = nullptr;
  Chunk* chunks_ = nullptr;
  alignas(8) char inline_[256];
};

}  // namespace tw::python
