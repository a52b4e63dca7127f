#include "mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <tensorwright/tw.hpp>

#include <cerrno>
#include <cstring>

namespace tw::jit {
namespace {

struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) close(number);
  }
};

[[noreturn]] void fail(const std::string& path, const char* reason) {
  throw Error(TW_E_VALUE, path + ": the file cannot be read: " + reason);
}

}  // namespace

std::shared_ptr<MappedFile> MappedFile::open(const std::string& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.number < 0) fail(path, std::strerror(errno));
  struct stat info;
  if (fstat(file.number, &info)) fail(path, std::strerror(errno));
  if (!S_ISREG(info.st_mode)) fail(path, "it is no regular file");
  const auto size = static_cast<size_t>(info.st_size);
  if (size == 0) fail(path, "it is empty");
  void* memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number, 0);
  if (memory == MAP_FAILED) fail(path, std::strerror(errno));
  return std::shared_ptr<MappedFile>(new MappedFile({static_cast<const char*>(memory), size}));
}

MappedFile::~MappedFile() { munmap(const_cast<char*>(bytes_.data()), bytes_.size()); }

}  // namespace tw::jit
