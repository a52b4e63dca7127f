#include "cpu/isa_kernels.h"

#include "cpu/fft/kernels.h"
#include "cpu/image/grid_kernels.h"

#if defined(__x86_64__)
#define TW_FOR_EACH_ISA(DECLARE) DECLARE(baseline) DECLARE(avx2) DECLARE(avx512)
#else
#define TW_FOR_EACH_ISA(DECLARE) DECLARE(baseline)
#endif

namespace tw {

#define TW_DECLARE_TABLES(ns)                                                        \
  namespace ns {                                                                     \
  extern const cpu::SoftmaxKernels<float> kSoftmaxF32;                               \
  extern const cpu::SoftmaxKernels<double> kSoftmaxF64;                              \
  extern const cpu::LayerNormKernels<float> kLayerNormF32;                           \
  extern const cpu::LayerNormKernels<double> kLayerNormF64;                          \
  extern const cpu::AttentionKernels<float> kAttentionF32;                           \
  extern const cpu::AttentionKernels<double> kAttentionF64;                          \
  extern const cpu::BatchNormKernels<float> kBatchNormF32;                           \
  extern const cpu::BatchNormKernels<double> kBatchNormF64;                          \
  extern const cpu::IndexKernels kIndexing;                                          \
  extern const cpu::HalfSumKernels kHalfSums;                                        \
  extern const cpu::ConvolutionKernels<float> kConvolutionF32;                       \
  extern const cpu::ConvolutionKernels<double> kConvolutionF64;                      \
  extern const cpu::AdditionKernels<float> kAdditionF32;                             \
  extern const cpu::AdditionKernels<double> kAdditionF64;                            \
  extern const cpu::LaneKernels<float> kLanesF32;                                    \
  extern const cpu::LaneKernels<double> kLanesF64;                                   \
  extern const cpu::PoolingKernels<float> kPoolingF32;                               \
  extern const cpu::PoolingKernels<double> kPoolingF64;                              \
  extern const cpu::FftKernels<float> kFftF32;                                       \
  extern const cpu::FftKernels<double> kFftF64;                                      \
  extern const cpu::GridKernels<float> kGridF32;                                     \
  extern const cpu::GridKernels<double> kGridF64;                                    \
  extern const cpu::DropoutKernels<float> kDropoutF32;                               \
  extern const cpu::DropoutKernels<double> kDropoutF64;                              \
  extern const cpu::PhiloxKernel kPhilox;                                            \
  extern const cpu::DistributionKernels<float> kDistributionsF32;                    \
  extern const cpu::DistributionKernels<double> kDistributionsF64;                   \
  extern const cpu::ProductKernels<float> kProductF32;                               \
  extern const cpu::ProductKernels<double> kProductF64;                              \
  extern const cpu::ProductKernels<cpu::Half> kProductHalf;                          \
  extern const cpu::ProductKernels<cpu::BFloat> kProductBFloat, kProductBFloatPairs; \
  extern const cpu::ByteProductKernels kBytePairs, kByteQuads;                       \
  }
TW_FOR_EACH_ISA(TW_DECLARE_TABLES)

namespace cpu {

#if defined(__x86_64__)
#define TW_CHOOSE(name) (isa() == Isa::kAvx512 ? avx512::name : isa() == Isa::kAvx2 ? avx2::name : baseline::name)
#else
#define TW_CHOOSE(name) baseline::name
#endif

#define TW_DEFINE_TABLE(Table, name) \
  template <>                        \
  const Table& isa_table<Table>() {  \
    return TW_CHOOSE(name);          \
  }
TW_DEFINE_TABLE(SoftmaxKernels<float>, kSoftmaxF32)
TW_DEFINE_TABLE(SoftmaxKernels<double>, kSoftmaxF64)
TW_DEFINE_TABLE(LayerNormKernels<float>, kLayerNormF32)
TW_DEFINE_TABLE(LayerNormKernels<double>, kLayerNormF64)
TW_DEFINE_TABLE(AttentionKernels<float>, kAttentionF32)
TW_DEFINE_TABLE(AttentionKernels<double>, kAttentionF64)
TW_DEFINE_TABLE(BatchNormKernels<float>, kBatchNormF32)
TW_DEFINE_TABLE(BatchNormKernels<double>, kBatchNormF64)
TW_DEFINE_TABLE(HalfSumKernels, kHalfSums)
TW_DEFINE_TABLE(IndexKernels, kIndexing)
TW_DEFINE_TABLE(AdditionKernels<float>, kAdditionF32)
TW_DEFINE_TABLE(AdditionKernels<double>, kAdditionF64)
TW_DEFINE_TABLE(LaneKernels<float>, kLanesF32)
TW_DEFINE_TABLE(LaneKernels<double>, kLanesF64)
TW_DEFINE_TABLE(ConvolutionKernels<float>, kConvolutionF32)
TW_DEFINE_TABLE(ConvolutionKernels<double>, kConvolutionF64)
TW_DEFINE_TABLE(PoolingKernels<float>, kPoolingF32)
TW_DEFINE_TABLE(PoolingKernels<double>, kPoolingF64)
TW_DEFINE_TABLE(FftKernels<float>, kFftF32)
TW_DEFINE_TABLE(FftKernels<double>, kFftF64)
TW_DEFINE_TABLE(GridKernels<float>, kGridF32)
TW_DEFINE_TABLE(GridKernels<double>, kGridF64)
TW_DEFINE_TABLE(DropoutKernels<float>, kDropoutF32)
TW_DEFINE_TABLE(DropoutKernels<double>, kDropoutF64)
TW_DEFINE_TABLE(PhiloxKernel, kPhilox)
TW_DEFINE_TABLE(DistributionKernels<float>, kDistributionsF32)
TW_DEFINE_TABLE(DistributionKernels<double>, kDistributionsF64)
TW_DEFINE_TABLE(ProductKernels<float>, kProductF32)
TW_DEFINE_TABLE(ProductKernels<double>, kProductF64)
TW_DEFINE_TABLE(ProductKernels<Half>, kProductHalf)

template <>
const ProductKernels<BFloat>& isa_table<ProductKernels<BFloat>>() {
#if defined(__x86_64__)
  if (isa() == Isa::kAvx512 && __builtin_cpu_supports("avx512bf16")) return avx512::kProductBFloatPairs;
#endif
  return TW_CHOOSE(kProductBFloat);
}

template <>
const ByteProductKernels& isa_table<ByteProductKernels>() {
#if defined(__x86_64__)
  if (isa() == Isa::kAvx512 && __builtin_cpu_supports("avx512vnni")) return avx512::kByteQuads;
  if (isa() == Isa::kAvx2 && __builtin_cpu_supports("avxvnni")) return avx2::kByteQuads;
#endif
  return TW_CHOOSE(kBytePairs);
}

}  // namespace cpu
}  // namespace tw
