// Entries of a zip file that are stored without compression, found in place (PKWARE APPNOTE 6.3.10, zip64 included).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace tw::jit {

struct ZipEntry {
  std::string_view bytes;
  uint32_t crc;  // CRC-32 that the directory says they have
};

// The entries by name. Compressed or encrypted entries, entries outside of the file, overlapping ones and names that
// occur twice are refused with TW_E_VALUE.
std::map<std::string, ZipEntry> zip_entries(std::string_view file);
uint32_t crc32(std::string_view bytes);

}  // namespace tw::jit
