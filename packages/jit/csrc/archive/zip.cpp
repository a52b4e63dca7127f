#include "zip.h"

#include <tensorwright/tw.hpp>

#include <algorithm>
#include <array>
#include <vector>

namespace tw::jit {
namespace {

constexpr uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50, kEnd64 = 0x06064b50,
                   kLocator64 = 0x07064b50;
constexpr size_t kLocalSize = 30, kCentralSize = 46, kEndSize = 22, kEnd64Size = 56, kLocator64Size = 20;
constexpr uint64_t kMostEntries = 1u << 16;

[[noreturn]] void fail(const std::string& reason) { throw Error(TW_E_VALUE, "archive: " + reason); }

// Little-endian numbers at a place of the file, which must hold them.
class Reader {
 public:
  explicit Reader(std::string_view file) : file_(file) {}
  uint64_t number(uint64_t at, int bytes) const {
    const std::string_view part = range(at, static_cast<uint64_t>(bytes));
    uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(part[static_cast<size_t>(i)]);
    return value;
  }
  uint32_t u16(uint64_t at) const { return static_cast<uint32_t>(number(at, 2)); }
  uint32_t u32(uint64_t at) const { return static_cast<uint32_t>(number(at, 4)); }
  uint64_t u64(uint64_t at) const { return number(at, 8); }
  std::string_view range(uint64_t at, uint64_t size) const {
    if (at > file_.size() || size > file_.size() - at) fail("it is cut off, or an offset points outside of it");
    return file_.substr(at, size);
  }
  uint64_t size() const { return file_.size(); }

 private:
  std::string_view file_;
};

struct Directory {
  uint64_t count, begin, size;
};

Directory find_directory(const Reader& file) {
  if (file.size() < kEndSize) fail("it is no zip file");
  uint64_t end = file.size() - kEndSize;
  const uint64_t lowest = end > 0xFFFF ? end - 0xFFFF : 0;  // a comment may follow
  while (file.u32(end) != kEnd) {
    if (end == lowest) fail("it is no zip file");
    --end;
  }
  Directory found{file.u16(end + 10), file.u32(end + 16), file.u32(end + 12)};
  if (end >= kLocator64Size && file.u32(end - kLocator64Size) == kLocator64) {
    const uint64_t at = file.u64(end - kLocator64Size + 8);
    file.range(at, kEnd64Size);
    if (file.u32(at) != kEnd64) fail("its zip64 directory is damaged");
    found = {file.u64(at + 32), file.u64(at + 48), file.u64(at + 40)};
  }
  if (found.count > kMostEntries) fail("it has more than 65536 entries");
  file.range(found.begin, found.size);
  return found;
}

// The sizes and the offset of an entry, which zip64 puts into an extra field where 32 bits do not hold them.
struct Place {
  uint64_t stored, size, offset;
};

Place read_place(const Reader& file, uint64_t at, uint64_t extra, uint64_t extra_size) {
  Place place{file.u32(at + 20), file.u32(at + 24), file.u32(at + 42)};
  for (uint64_t k = 0; k + 4 <= extra_size;) {
    const uint32_t id = file.u16(extra + k), length = file.u16(extra + k + 2);
    if (k + 4 + length > extra_size) fail("an extra field is damaged");
    uint64_t from = extra + k + 4;
    const uint64_t until = from + length;
    const auto widen = [&](uint64_t& value) {
      if (value != UINT32_MAX || from + 8 > until) return;
      value = file.u64(from);
      from += 8;
    };
    if (id == 1) widen(place.size), widen(place.stored), widen(place.offset);
    k += 4 + length;
  }
  return place;
}

std::string_view contents(const Reader& file, const Place& place, const std::string& name) {
  file.range(place.offset, kLocalSize);
  if (file.u32(place.offset) != kLocal) fail("entry '" + name + "' has no local header");
  const uint64_t begin = place.offset + kLocalSize + file.u16(place.offset + 26) + file.u16(place.offset + 28);
  return file.range(begin, place.size);
}

void refuse_overlaps(const std::map<std::string, ZipEntry>& entries) {
  std::vector<std::string_view> parts;
  for (const auto& entry : entries) parts.push_back(entry.second.bytes);
  std::sort(parts.begin(), parts.end(), [](auto a, auto b) { return a.data() < b.data(); });
  for (size_t i = 1; i < parts.size(); ++i)
    if (parts[i - 1].data() + parts[i - 1].size() > parts[i].data()) fail("entries overlap");
}

}  // namespace

std::map<std::string, ZipEntry> zip_entries(std::string_view bytes) {
  const Reader file(bytes);
  const Directory directory = find_directory(file);
  std::map<std::string, ZipEntry> entries;
  uint64_t at = directory.begin;
  for (uint64_t k = 0; k < directory.count; ++k) {
    file.range(at, kCentralSize);
    if (file.u32(at) != kCentral) fail("its directory is damaged");
    const uint64_t name_size = file.u16(at + 28), extra_size = file.u16(at + 30), comment_size = file.u16(at + 32);
    const std::string name(file.range(at + kCentralSize, name_size));
    const Place place = read_place(file, at, at + kCentralSize + name_size, extra_size);
    if (file.u16(at + 8) & 1) fail("entry '" + name + "' is encrypted");
    if (file.u16(at + 10) != 0 || place.stored != place.size) fail("entry '" + name + "' is compressed");
    if (!entries.emplace(name, ZipEntry{contents(file, place, name), file.u32(at + 16)}).second)
      fail("entry '" + name + "' occurs twice");
    at += kCentralSize + name_size + extra_size + comment_size;
  }
  refuse_overlaps(entries);
  return entries;
}

uint32_t crc32(std::string_view bytes) {
  static const auto table = [] {
    std::array<uint32_t, 256> made{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t c = i;
      for (int k = 0; k < 8; ++k) c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
      made[i] = c;
    }
    return made;
  }();
  uint32_t crc = ~0u;
  for (const char c : bytes) crc = table[(crc ^ static_cast<unsigned char>(c)) & 0xFF] ^ (crc >> 8);
  return ~crc;
}

}  // namespace tw::jit
