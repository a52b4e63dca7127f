// Calls of older revisions of ops, as programs hold them that were saved under those, become calls of the installed
// ones.
//
// An upgrader is a function of the graph, for one op and one revision of it: tensorwright/tw_abi_jit.h says what it
// holds.
#pragma once

#include <set>

#include "../ir/program.h"

namespace tw::jit {

// Of each op, the revision that a program was saved under.
using Revisions = std::map<std::string, int64_t>;

// Throws TW_E_VALUE for a graph that is no upgrader, and for a second one of the same revision that differs.
void add_upgrader(std::string_view op, int64_t revision, std::string_view graph);

// The ops whose calls have to be rewritten. Throws TW_E_VALUE for a revision that is newer than the installed one, and
// for an op that is neither installed nor rewritten into others.
std::set<std::string> outdated(const Revisions& revisions);

// Rewrites the calls that the program holds. Throws TW_E_VALUE for one that the upgrader does not fit.
void upgrade(Program& program, const Revisions& revisions);

}  // namespace tw::jit
