// The interface "tw.kernels" (tensorwright/tw_abi_kernels.h).
#pragma once

namespace tw::cpu {

void publish_kernels();

}  // namespace tw::cpu
