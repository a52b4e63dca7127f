// What the core knows of an op. First-party specs are static tables that codegen writes; those of plugins
// are parsed from their schema text at load. Identity is the name ("tw::add"); the dense id never leaves
// the process.
#pragma once

#include <tensorwright/tw_abi.h>

#include <atomic>
#include <string_view>

namespace tw {

enum class ArgType : uint8_t {
  kTensor,
  kOperand /* Tensor|Scalar */,
  kScalar,
  kInt,
  kFloat,
  kBool,
  kStr,
  kDtype,
  kDevice,
  kInts,
  kFloats,
  kTensors,
  kObject,
};

constexpr int8_t kMayLackTensors = 1;

struct ArgSpec {
  const char* name;
  ArgType type;
  bool optional;  // None is accepted ("Tensor?")
  bool keyword_only;
  bool has_default;
  int8_t list_length;      // int[2]: one int stands for that many; int[]: 0; 1: a lone int is a list of one;
                           // of a list of tensors: kMayLackTensors if None may stand in it ("Tensor?[]")
  tw_value default_value;  // strings and lists point at static storage
};

enum class RetType : uint8_t { kTensor, kTensors, kScalar, kInt, kFloat, kBool, kStr, kInts, kDtype, kObject };

struct RetSpec {
  const char* name;  // of a named tuple's field, or null
  RetType type;
  int8_t alias;  // index of the argument whose storage it shares ("Tensor(a)"), or -1
};

enum OpFlags : uint32_t {
  kOpStructured = 1u,  // infer gives shape and dtype; the core allocates, checks out= and bumps versions
  kOpComposite = 2u,   // written over other ops; runs on any backend without a kernel of its own
  kOpView = 4u,        // result shares storage with an argument
  kOpPointwise = 8u,
  kOpReduction = 16u,
  kOpRandom = 32u,  // draws from the generator: not reproducible from its arguments alone
};

struct OpSpec {
  const char* name;    // "tw::add"
  const char* schema;  // "tw::add(Tensor|Scalar self, ...) -> Tensor"
  const char* tags;
  uint32_t revision;
  uint32_t flags;
  uint32_t nargs;
  uint32_t npositional;  // arguments before the `*`
  uint32_t nrets;
  const ArgSpec* args;
  const RetSpec* rets;
  uint64_t mutated;     // bit i: argument i is written ("Tensor(a!)")
  tw_infer_fn infer;    // or null
  tw_kernel_fn kernel;  // the CPU kernel, or the composite
  void* self;           // handed to infer and kernel (a PointwiseOp, a ReductionOp, or null)
  const char* shown;    // "special.xlog1py": what messages call it; null: its name
};

// An immutable record in an op's table; published with release order, never freed.
struct KernelRecord {
  tw_kernel_fn fn;
  void* self;
  int32_t priority;
  uint32_t revision;
  const char* provider;  // plugin name and file, for messages
  const KernelRecord* next;
};

inline constexpr char kBuiltinProvider[] = "tensorwright";
constexpr int kMaxBackends = 32;

// What an op's tags say to the dispatcher.
enum OpTraits : uint32_t {
  kTraitCrossDevice = 1u,  // "cross_device": its kernel takes tensors of any device, several in one call included
  kTraitAnyLayout = 2u,    // "any_layout": its kernel writes results of any strides and dtype, also over an argument
  // "keeps_layout": its result lies in memory like its first argument, or as an argument memory_format says
  kTraitKeepsLayout = 4u,
  kTraitAnyStrides = 8u,    // "any_strides": its kernel writes results of any strides, in the dtype they should have
  kTraitUpdatesSelf = 16u,  // "updates_self": in place, its kernel may be given its first argument as the result
  // "writes_if_training": what its schema marks as written is so only where its first bool, `training`, is true
  kTraitWritesIfTraining = 32u,
};

}  // namespace tw

struct tw_op {
  const tw::OpSpec* spec;
  uint32_t id;
  std::atomic<uint64_t> layer_mask;  // layers with an override or a fallback for this op
  std::atomic<const tw::KernelRecord*> layer[64];
  std::atomic<const tw::KernelRecord*> backend[tw::kMaxBackends];
  uint32_t traits;  // OpTraits
};

namespace tw {

// Generated: all first-party ops, in declaration order; `kBuiltinOps[i]` has id i.
TW_EXPORT extern const OpSpec kBuiltinOps[];
extern const uint32_t kBuiltinOpCount;

TW_EXPORT const tw_op* find_op(std::string_view name);  // null if absent; takes the registry's lock
TW_EXPORT tw_op* builtin_op(uint32_t id);               // no look-up

// Calls through all layers. This is `tw_host::call` without the table.
TW_EXPORT tw_status call_op(const tw_op* op, const tw_value* args, uint32_t nargs, tw_value* rets, uint32_t nrets);

}  // namespace tw
