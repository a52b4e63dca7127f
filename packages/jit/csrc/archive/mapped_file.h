// A file mapped for reading: pages are read when they are touched and shared between processes.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace tw::jit {

class MappedFile {
 public:
  // Throws TW_E_VALUE naming the file and the reason.
  static std::shared_ptr<MappedFile> open(const std::string& path);
  MappedFile(const MappedFile&) = delete;
  ~MappedFile();
  std::string_view bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::string_view bytes) : bytes_(bytes) {}
  std::string_view bytes_;
};

}  // namespace tw::jit
