// Schemas of plugin ops, read from text: "ns::name(Tensor self, *, Scalar alpha=1) -> Tensor".
#pragma once

#include <string>
#include <string_view>

#include "dispatch/op.h"

namespace tw {

// A spec whose names, arguments and results are parsed; the rest is left for the caller to fill. It lives for
// ever. Null, with `error` a sentence that quotes the place, if the text is not a schema.
OpSpec* parse_schema(std::string_view text, std::string* error);

}  // namespace tw
