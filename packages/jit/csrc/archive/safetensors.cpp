#include "safetensors.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "../ir/constants.h"
#include "json.h"

namespace tw::jit {
namespace {

constexpr uint64_t kLargestHeader = 100'000'000;

struct FormatDtype {
  const char* name;
  tw_dtype dtype;
};
constexpr FormatDtype kDtypes[] = {
    {"BOOL", kBool},          {"U8", kUInt8},      {"U16", kUInt16},
    {"U32", kUInt32},         {"U64", kUInt64},    {"I8", kInt8},
    {"I16", kInt16},          {"I32", kInt32},     {"I64", kInt64},
    {"F16", kFloat16},        {"BF16", kBFloat16}, {"F32", kFloat32},
    {"F64", kFloat64},        {"C64", kComplex64}, {"F8_E4M3", kFloat8E4M3FN},
    {"F8_E5M2", kFloat8E5M2},
};

[[noreturn]] void fail(const std::string& reason) { throw Error(TW_E_VALUE, "safetensors: " + reason); }

tw_dtype dtype_called(const std::string& name) {
  for (const FormatDtype& entry : kDtypes)
    if (name == entry.name) return entry.dtype;
  fail("there is no dtype '" + name + "'");
}

const char* format_name(tw_dtype dtype) {
  for (const FormatDtype& entry : kDtypes)
    if (entry.dtype == dtype) return entry.name;
  fail("the format has no name for this dtype");
}

struct Span64 {
  uint64_t begin, end;
};

// The shape and the bytes of one entry, which agree with each other and lie in the data.
std::vector<int64_t> checked_shape(const Json& entry, const std::string& name, Span64 span, tw_dtype dtype) {
  uint64_t bytes = static_cast<uint64_t>(item_size(dtype));
  std::vector<int64_t> shape;
  for (const Json& item : entry["shape"].items()) {
    const int64_t size = item.integer();
    if (size < 0 || __builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes))
      fail("the shape of '" + name + "' is impossible");
    shape.push_back(size);
  }
  if (shape.size() > TW_MAX_NDIM) fail("'" + name + "' has " + std::to_string(shape.size()) + " dimensions");
  if (bytes != span.end - span.begin)
    fail("'" + name + "' takes " + std::to_string(bytes) + " bytes, its offsets say " +
         std::to_string(span.end - span.begin));
  return shape;
}

void TW_CALL release_file(void* keep) { delete static_cast<std::shared_ptr<MappedFile>*>(keep); }

Tensor tensor_on(const char* data, std::vector<int64_t> shape, tw_dtype dtype,
                 const std::shared_ptr<MappedFile>& file) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * std::max<int64_t>(shape[d], 1);
  tw_dl view{};
  view.data = const_cast<char*>(data);
  view.device = {TW_DEVICE_CPU, 0};
  view.ndim = static_cast<int32_t>(shape.size());
  view.dtype = dtype;
  view.shape = shape.data();
  view.strides = strides.data();
  auto keep = std::make_unique<std::shared_ptr<MappedFile>>(file);
  tw_tensor* tensor = nullptr;
  check(g_host->from_blob(&view, TW_F_READONLY, release_file, keep.get(), &tensor));
  static_cast<void>(keep.release());
  return Tensor::steal(tensor);
}

}  // namespace

std::map<std::string, Tensor> read_safetensors(std::string_view bytes, const std::shared_ptr<MappedFile>& file) {
  uint64_t header_size = 0;
  if (bytes.size() < 8) fail("the file is cut off");
  std::memcpy(&header_size, bytes.data(), 8);
  if (header_size > kLargestHeader || header_size > bytes.size() - 8) fail("the header is larger than the file");
  const Json header = Json::parse(bytes.substr(8, header_size), "safetensors header");
  const std::string_view data = bytes.substr(8 + header_size);
  std::map<std::string, Tensor> tensors;
  for (const auto& [name, entry] : header.members()) {
    if (name == "__metadata__") continue;
    const auto& offsets = entry["data_offsets"].items();
    if (offsets.size() != 2) fail("'" + name + "' has no pair of offsets");
    const int64_t begin = offsets[0].integer(), end = offsets[1].integer();
    if (begin < 0 || end < begin || static_cast<uint64_t>(end) > data.size())
      fail("'" + name + "' lies outside of the file");
    const tw_dtype dtype = dtype_called(entry["dtype"].string());
    const Span64 span{static_cast<uint64_t>(begin), static_cast<uint64_t>(end)};
    std::vector<int64_t> shape = checked_shape(entry, name, span, dtype);
    tensors.emplace(name, tensor_on(data.data() + begin, std::move(shape), dtype, file));
  }
  return tensors;
}

std::map<std::string, Tensor> read_safetensors(const std::string& path) {
  const auto file = MappedFile::open(path);
  return read_safetensors(file->bytes(), file);
}

void write_safetensors(const std::string& path, const std::vector<std::pair<std::string, Tensor>>& tensors) {
  std::string header = "{";
  uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    const uint64_t end = offset + static_cast<uint64_t>(tensor.numel() * item_size(tensor.dtype()));
    header += (header.size() > 1 ? "," : "") + quoted(name) + ":{\"dtype\":\"" + format_name(tensor.dtype()) +
              "\",\"shape\":[";
    for (int d = 0; d < tensor.ndim(); ++d) header += (d ? "," : "") + std::to_string(tensor.size(d));
    header += "],\"data_offsets\":[" + std::to_string(offset) + "," + std::to_string(end) + "]}";
    offset = end;
  }
  header += '}';
  header.append((64 - (header.size() + 8) % 64) % 64, ' ');
  const std::string part = path + ".part";
  std::FILE* out = std::fopen(part.c_str(), "wb");
  if (!out) fail(part + ": " + std::strerror(errno));
  const uint64_t size = header.size();
  bool good = std::fwrite(&size, 8, 1, out) == 1 && std::fwrite(header.data(), 1, header.size(), out) == header.size();
  for (const auto& entry : tensors) {
    const auto bytes = static_cast<size_t>(entry.second.numel() * item_size(entry.second.dtype()));
    good = good && (bytes == 0 || std::fwrite(entry.second.data<char>(), 1, bytes, out) == bytes);
  }
  good = std::fclose(out) == 0 && good && std::rename(part.c_str(), path.c_str()) == 0;
  if (!good) {
    const std::string reason = std::strerror(errno);
    std::remove(part.c_str());
    fail(path + " cannot be written: " + reason);
  }
}

}  // namespace tw::jit
