// Archives of programs (`.twa`): a zip file, stored, whose entries begin at multiples of 64 bytes.
//
//   MANIFEST.json             {"format": 1, "producer": "...", "requires": [features that a reader must know],
//                              "ops": [[name, revision] of each op that it calls]}
//   graphs/program.twir       the functions in text form
//   weights/weights.safetensors  the attributes, used where they lie in the file
//   signature.json            names of inputs and outputs, and how Python nests them
//
// Entries that are not named here are left alone. Nothing from an archive is ever executed but its graph.
#pragma once

#include "../ir/program.h"

namespace tw::jit {

constexpr int64_t kArchiveFormat = 1;

// Throws TW_E_VALUE naming the file and what is wrong with it; the program is verified.
ProgramRef read_archive(const std::string& path);

}  // namespace tw::jit
