// The large tensors that are alive, for the error that says that memory is short, and the most memory that was in use.
#pragma once

#include <tensorwright/tw_abi.h>

#include <cstdint>
#include <string>
#include <vector>

namespace tw {

struct TensorBlock;

constexpr uint64_t kLargeTensor = uint64_t{1} << 20;  // bytes from which on a tensor's storage is listed

struct LiveTensor {
  uint64_t bytes;
  tw_dtype dtype;
  std::vector<int64_t> shape;  // when the storage was made
  std::string origin;          // the line that made it, if that is recorded
};

// Of storages of at least kLargeTensor bytes.
void list_storage(const TensorBlock* block);
void unlist_storage(const TensorBlock* block);
// The `count` largest, largest first.
TW_EXPORT std::vector<LiveTensor> largest_tensors(size_t count);
// "256.0 MB float32 (8192, 8192) made at train.py:17", of the five largest, or nothing if there are none.
std::string largest_tensors_text();

// Asked for the line of the program that makes a tensor; null while lines are not recorded.
TW_EXPORT void set_origin_hook(std::string (*origin)());

// Before `bytes` more are taken.
void raise_memory_peak(uint64_t bytes);
// The most bytes of tensor memory that were in use at once since the start or the last reset, to within the small
// blocks that threads keep.
TW_EXPORT int64_t memory_peak();
TW_EXPORT void reset_memory_peak();

}  // namespace tw
