// Autocast: a layer that casts the floating arguments of some ops, to a lower precision where that pays (products of
// matrices, convolutions) and to float32 where it would lose too much (losses, decompositions).
#pragma once

#include <tensorwright/tw_abi.h>

namespace tw {

// Builds the layer; called once, under the registry's lock, when the builtin ops are there.
void register_autocast();

// The lower precision of this thread; the layer runs where the thread includes TW_L_AUTOCAST.
TW_EXPORT tw_dtype autocast_dtype();
TW_EXPORT void set_autocast_dtype(tw_dtype dtype);

}  // namespace tw
