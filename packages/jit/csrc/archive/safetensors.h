// The safetensors format (https://huggingface.co/docs/safetensors): a length, a JSON header, the bytes of the tensors.
#pragma once

#include <tensorwright/tw.hpp>

#include <map>
#include <memory>
#include <string>

#include "mapped_file.h"

namespace tw::jit {

// The tensors of a file that lies in `bytes`, part of a mapped file: they share its memory, read-only, and keep it
// mapped. Every size and offset is compared with the file first; throws TW_E_VALUE naming the tensor.
std::map<std::string, Tensor> read_safetensors(std::string_view bytes, const std::shared_ptr<MappedFile>& file);
std::map<std::string, Tensor> read_safetensors(const std::string& path);
// Writes contiguous CPU tensors, in this order, to a new file that takes the place of an old one when it is complete.
void write_safetensors(const std::string& path, const std::vector<std::pair<std::string, Tensor>>& tensors);

}  // namespace tw::jit
