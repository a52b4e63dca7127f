#include "archive.h"

#include "../ir/text.h"
#include "../ir/verify.h"
#include "json.h"
#include "safetensors.h"
#include "upgraders.h"
#include "zip.h"

namespace tw::jit {
namespace {

const ZipEntry& entry(const std::map<std::string, ZipEntry>& entries, const std::string& name) {
  const auto found = entries.find(name);
  if (found == entries.end()) throw Error(TW_E_VALUE, "archive: entry '" + name + "' is missing");
  return found->second;
}

// An entry that is read whole: its checksum is compared. That of the weights is not, for they are read when they are
// used.
std::string_view checked(const std::map<std::string, ZipEntry>& entries, const std::string& name) {
  const ZipEntry& found = entry(entries, name);
  if (crc32(found.bytes) != found.crc) throw Error(TW_E_VALUE, "archive: entry '" + name + "' is damaged (checksum)");
  return found.bytes;
}

Revisions revisions_in(const Json& manifest) {
  Revisions revisions;
  const Json* ops = manifest.find("ops");
  if (!ops) return revisions;
  for (const Json& entry : ops->items()) {
    if (entry.items().size() != 2)
      throw Error(TW_E_VALUE, "archive manifest: an entry of `ops` is a name and a number");
    revisions[entry.items()[0].string()] = entry.items()[1].integer();
  }
  return revisions;
}

// What the reader has to know; gives the revisions of the ops.
Revisions read_manifest(std::string_view text) {
  const Json manifest = Json::parse(text, "archive manifest");
  const int64_t format = manifest["format"].integer();
  if (format < 1 || format > kArchiveFormat)
    throw Error(TW_E_VALUE, "archive: its format is " + std::to_string(format) + ", this reader knows " +
                                std::to_string(kArchiveFormat) + "; a newer tensorwright-jit may read it");
  if (const Json* needed = manifest.find("requires"))
    for (const Json& feature : needed->items())
      throw Error(TW_E_VALUE,
                  "archive: it needs the feature '" + feature.string() + "', which this reader does not know");
  return revisions_in(manifest);
}

ProgramRef read_entries(const std::shared_ptr<MappedFile>& file) {
  const auto entries = zip_entries(file->bytes());
  const Revisions revisions = read_manifest(checked(entries, "MANIFEST.json"));
  const std::set<std::string> older = outdated(revisions);  // said here, and not by a call that fails
  auto program = std::make_shared<Program>();
  parse(checked(entries, "graphs/program.twir"), program->module);
  verify(program->module, Level::kCapture, &older);
  if (!older.empty()) {
    upgrade(*program, revisions);
    verify(program->module, Level::kCapture);
  }
  if (entries.count("weights/weights.safetensors"))
    program->attributes = read_safetensors(entry(entries, "weights/weights.safetensors").bytes, file);
  if (entries.count("signature.json")) program->signature = checked(entries, "signature.json");
  return program;
}

}  // namespace

ProgramRef read_archive(const std::string& path) {
  try {
    return read_entries(MappedFile::open(path));
  } catch (const Error& error) {
    throw Error(error.code(), path + ": " + error.what());
  }
}

}  // namespace tw::jit
