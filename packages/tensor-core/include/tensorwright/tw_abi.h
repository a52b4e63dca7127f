/* tw_abi.h - the C ABI of tensorwright, major 1. Pure C99; also valid C11, C17, C++11 to C++20.
 *
 * RULES (enforced by `nox -s abi`):
 *  R1 only fixed-width ints, double and pointers; no enum, bool, long, size_t, bitfield in any struct.
 *  R2 "frozen" structs never change. "sized" structs start with uint32_t size and only grow at the end.
 *  R3 a reader of a sized struct copies min(size, sizeof mine) into a zeroed local; it rejects only
 *     size < <NAME>_SIZE_V1 (a literal), never size != mine, never size > mine.
 *  R4 interface tables only grow at the end; an entry is never removed, retyped or re-purposed.
 *  R5 arguments are borrowed for the call; results are owned (+1); memory is freed by who allocated it.
 *  R6 no C++ exception, longjmp or signal crosses; every function that can fail returns tw_status (0 = ok).
 *  R7 a plugin exports exactly one symbol, tw_plugin_entry_1, and imports none from tensorwright.
 *  R8 a sized struct is only ever pointed to, never embedded by value in another; padding is explicit.
 */
#ifndef TENSORWRIGHT_TW_ABI_H_
#define TENSORWRIGHT_TW_ABI_H_
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

#define TW_ABI_MAJOR 1u
#define TW_ABI_MINOR 0u        /* what this header describes */
#ifndef TW_ABI_TARGET_MINOR    /* what a plugin will REQUIRE: by default the oldest, never the newest; */
#define TW_ABI_TARGET_MINOR 0u /* declarations newer than the target are hidden until opted into       */
#endif
#if TW_ABI_TARGET_MINOR > TW_ABI_MINOR
#error "TW_ABI_TARGET_MINOR is newer than this header"
#endif

#if defined(_WIN32)
#define TW_EXPORT __declspec(dllexport)
#define TW_CALL __cdecl
#else
#define TW_EXPORT __attribute__((visibility("default")))
#define TW_CALL
#endif
#define TW_ASSERT_CAT_(c, l) typedef char tw_static_assert_##l[(c) ? 1 : -1]
#define TW_ASSERT_LINE_(c, l) TW_ASSERT_CAT_(c, l)
#define TW_STATIC_ASSERT(c) TW_ASSERT_LINE_(c, __LINE__)
#define TW_END_OF(T, f) (offsetof(T, f) + sizeof(((T*)0)->f))
/* feature test on any sized struct or interface table */
#define TW_HAS(p, T, f) ((p)->size >= TW_END_OF(T, f) && (p)->f != 0)

#define TW_MAX_NDIM 64

/* ---- status: each code maps to one Python exception type -------------------------------------- */
typedef int32_t tw_status;
#define TW_OK 0
#define TW_DECLINE 1          /* a kernel does not take this call: the next of the chain is tried */
#define TW_E_UNKNOWN (-1)     /* RuntimeError */
#define TW_E_TYPE (-2)        /* TypeError */
#define TW_E_VALUE (-3)       /* ValueError */
#define TW_E_SHAPE (-4)       /* tensorwright.ShapeError, a ValueError */
#define TW_E_NOMEM (-5)       /* MemoryError */
#define TW_E_UNSUPPORTED (-6) /* NotImplementedError */
#define TW_E_ABI (-7)         /* tensorwright.AbiError, an ImportError */
#define TW_E_DEVICE (-8)      /* RuntimeError */
#define TW_E_CANCELLED (-9)   /* KeyboardInterrupt */
#define TW_E_FOREIGN (-10)    /* a foreign exception (e.g. Python's) is parked in the error slot */
#define TW_E_INDEX (-11)      /* IndexError */
#define TW_E_LINALG (-12)     /* tensorwright.linalg.LinAlgError, a RuntimeError */

/* ---- frozen plain data -------------------------------------------------------------------------- */
typedef struct tw_device {
  int32_t type;
  int32_t index;
} tw_device; /* = DLDevice   */
typedef struct tw_dtype {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
} tw_dtype;          /* = DLDataType */
#define TW_DT_INT 0u /* dtype codes are DLPack's */
#define TW_DT_UINT 1u
#define TW_DT_FLOAT 2u
#define TW_DT_BFLOAT 4u
#define TW_DT_COMPLEX 5u
#define TW_DT_BOOL 6u
#define TW_DT_FLOAT8_E4M3FN 10u
#define TW_DT_FLOAT8_E5M2 12u
#define TW_DEVICE_CPU 1
#define TW_DEVICE_META 1001 /* shapes without data; first of the numbers DLPack leaves to frameworks */

typedef struct tw_dl { /* = DLTensor   */
  void* data;
  tw_device device;
  int32_t ndim;
  tw_dtype dtype;
  int64_t* shape;
  int64_t* strides;     /* in elements; never null, also when contiguous */
  uint64_t byte_offset; /* always 0 in tensors made by the core */
} tw_dl;

typedef struct tw_tensor { /* frozen; read-only public prefix of an object that the core owns */
  uint64_t _private[2];    /* reference counts and bookkeeping: never touch */
  tw_dl dl;                /* valid while borrowed; do not keep shape or strides across calls */
  int64_t numel;
  uint64_t layers; /* set of dispatch layers this tensor switches on */
  uint32_t flags;
  uint32_t backend; /* dense process-local backend index */
} tw_tensor;
#define TW_F_CONTIGUOUS 0x1u /* row-major, dense */
#define TW_F_VIEW 0x2u       /* shares the storage of another tensor */
#define TW_F_READONLY 0x4u   /* memory from elsewhere that must not be written */
#define TW_F_NODATA 0x8u     /* meta tensor: data is null by design */

/* ---- values: 16 bytes, tagged, on the caller's stack ------------------------------------------- */
#define TW_NONE 0u
#define TW_BOOL 1u /* u.i is 0 or 1 */
#define TW_INT 2u
#define TW_FLOAT 3u
#define TW_DTYPE 4u
#define TW_DEVICE 5u
#define TW_TENSOR 6u
#define TW_STR 7u      /* p -> UTF-8, aux = byte length, not zero-terminated */
#define TW_INTS 8u     /* p -> int64_t[aux] */
#define TW_FLOATS 9u   /* p -> double[aux] */
#define TW_TENSORS 10u /* p -> tw_tensor*[aux], null entries allowed */
#define TW_COMPLEX 11u /* p -> double[2] */
#define TW_OBJECT 12u  /* p -> tw_object*, reference counted */
#define TW_VALUES 13u  /* p -> tw_value[aux] */
#define TW_UINT 14u    /* an integer of at least 2^63: the bits of u.i, unsigned */
typedef struct tw_object tw_object;
typedef struct tw_value { /* frozen */
  uint32_t tag;
  uint32_t aux;
  union {
    int64_t i;
    double f;
    void* p;
    tw_tensor* t;
    tw_object* o;
    tw_dtype dt;
    tw_device dev;
  } u;
} tw_value;

TW_STATIC_ASSERT(sizeof(void*) == 8);
TW_STATIC_ASSERT(sizeof(tw_value) == 16 && offsetof(tw_value, u) == 8);
TW_STATIC_ASSERT(sizeof(tw_dl) == 48 && offsetof(tw_dl, shape) == 24 && offsetof(tw_dl, byte_offset) == 40);
TW_STATIC_ASSERT(offsetof(tw_tensor, dl) == 16 && offsetof(tw_tensor, layers) == 72 && sizeof(tw_tensor) == 88);

/* ---- objects: anything else that crosses, reference counted by the core -------------------------
 * A Python object handed to an argument of type Object arrives as a tw_object whose `call` acquires
 * the interpreter lock; handed back, it is the same Python object again. A plugin's own object shows
 * in Python with its type_name, `get` as attribute access and `call` as a call. */
typedef struct tw_object_type { /* sized */
  uint32_t size;
  uint32_t flags;
  const char* type_name;
  void(TW_CALL* destroy)(void* payload);
  tw_status(TW_CALL* call)(void* payload, const tw_value* args, uint32_t nargs, tw_value* result);      /* or null */
  tw_status(TW_CALL* get)(void* payload, const char* name, tw_value* result);                           /* or null */
  void(TW_CALL* traverse)(void* payload, void(TW_CALL* visit)(tw_object* child, void* ctx), void* ctx); /* or null */
} tw_object_type;
#define TW_OBJECT_TYPE_SIZE_V1 48u
struct tw_object { /* frozen */
  uint64_t _private[2];
  const tw_object_type* type;
  void* payload;
};

/* ---- dispatch layers: bit i of tw_tensor.layers and tw_call.layers; a higher bit runs first ------ */
#define TW_L_PYTHON 62u    /* tensor subclasses and Python modes */
#define TW_L_TRANSFORM 58u /* vmap/grad/jvp: one slot, because the order among them is dynamic */
#define TW_L_TRACE 54u
#define TW_L_FUNCTIONAL 50u
#define TW_L_AUTOCAST 46u /* above autograd, so that casts are differentiated */
#define TW_L_AUTOGRAD 42u
#define TW_L_SHARD 34u
#define TW_L_QUANT 30u
#define TW_L_PROFILE 2u /* slots not named here are given at load, between `after` and `before` */

/* ---- calls: one calling convention for all ops and all layers ------------------------------------
 * args are borrowed. On success rets are owned by the caller. A ret that is preset to a tensor on entry
 * (borrowed) asks for the result to be written there: `out=`, or in place when it is args[0]'s tensor;
 * on success it too is owned (+1). */
typedef struct tw_op tw_op;   /* opaque; resolve once by name */
typedef struct tw_tls tw_tls; /* opaque thread state */
typedef struct tw_error tw_error;
typedef struct tw_host tw_host;
typedef struct tw_call { /* sized */
  uint32_t size;
  uint32_t flags;
  const tw_op* op;
  tw_tls* tls;
  const tw_value* args;
  tw_value* rets;
  uint32_t nargs;
  uint32_t nrets;
  uint64_t layers; /* layers still to run below this one */
} tw_call;
#define TW_CALL_SIZE_V1 56u
TW_STATIC_ASSERT(sizeof(tw_call) == TW_CALL_SIZE_V1);
typedef tw_status(TW_CALL* tw_kernel_fn)(void* self, tw_call* call);

typedef struct tw_meta { /* frozen; shape and dtype of a result, before it is allocated */
  tw_dtype dtype;
  int32_t ndim;
  tw_device device;
  int64_t shape[TW_MAX_NDIM];
} tw_meta;
/* fills metas[0..nrets) from the arguments' metadata alone, or refuses the arguments */
typedef tw_status(TW_CALL* tw_infer_fn)(void* self, const tw_call* call, tw_meta* metas);

/* ---- declarative registration: static const arrays, validated whole, then committed whole -------- */
typedef struct tw_op_def { /* sized */
  uint32_t size;
  uint32_t revision;      /* from 0; one only appends keyword-only arguments with defaults */
  const char* schema;     /* "ns::name(Tensor self, *, Scalar alpha=1) -> Tensor" */
  const char* tags;       /* "pointwise", "view", ... comma separated, may be null */
  tw_infer_fn infer;      /* if given, the op is structured: the core allocates its results */
  tw_kernel_fn composite; /* if given, runs where no kernel is registered */
  void* self;
} tw_op_def;
#define TW_OP_DEF_SIZE_V1 48u
typedef struct tw_kernel_def { /* sized */
  uint32_t size;
  uint32_t revision; /* op revision that this kernel was written against */
  const char* op;    /* "ns::name", or "*" for a layer's fallback */
  const char* where; /* a backend ("cpu") or, with TW_K_LAYER, a layer ("tw.autograd") */
  tw_kernel_fn fn;
  void* self;
  int32_t priority; /* a higher one is asked first; equal ones are refused */
  uint32_t flags;
} tw_kernel_def;
#define TW_KERNEL_DEF_SIZE_V1 48u
#define TW_K_LAYER 0x1u
typedef struct tw_layer_def { /* sized */
  uint32_t size;
  uint32_t flags;
  const char* name;                        /* globally unique; a well-known name takes its well-known slot */
  const char* after;                       /* runs after (below) this layer; may be null */
  const char* before;                      /* runs before (above) this layer; may be null */
  void(TW_CALL* meta_destroy)(void* meta); /* per-tensor metadata owned by this layer */
} tw_layer_def;
#define TW_LAYER_DEF_SIZE_V1 40u
typedef struct tw_device_if tw_device_if; /* tw_abi_device.h */
typedef struct tw_device_def {            /* sized */
  uint32_t size;
  uint32_t flags;
  const char* name; /* what users write: "npu" */
  int32_t dl_type;
  uint32_t _pad;
  const tw_device_if* iface;
} tw_device_def;
#define TW_DEVICE_DEF_SIZE_V1 32u
/* a record for another distribution's interface, kept by the core and handed over when that interface is published,
 * so load order is irrelevant */
typedef struct tw_ext_def { /* sized */
  uint32_t size;
  uint32_t flags;
  const char* iface; /* "tw.autograd", "tw.onnx", ... */
  uint32_t major;
  uint32_t min_minor;
  const void* payload; /* a sized struct of that interface */
} tw_ext_def;
#define TW_EXT_DEF_SIZE_V1 32u
TW_STATIC_ASSERT(sizeof(tw_object_type) == TW_OBJECT_TYPE_SIZE_V1 && sizeof(tw_object) == 32);
TW_STATIC_ASSERT(sizeof(tw_op_def) == TW_OP_DEF_SIZE_V1 && sizeof(tw_kernel_def) == TW_KERNEL_DEF_SIZE_V1);
TW_STATIC_ASSERT(sizeof(tw_layer_def) == TW_LAYER_DEF_SIZE_V1 && sizeof(tw_device_def) == TW_DEVICE_DEF_SIZE_V1);
TW_STATIC_ASSERT(sizeof(tw_ext_def) == TW_EXT_DEF_SIZE_V1);

typedef struct tw_plugin { /* sized; filled by the plugin */
  uint32_t size;
  uint32_t abi_major;
  uint32_t abi_built_minor;
  uint32_t abi_min_minor;
  const char* name;
  const char* version;
  const char* build; /* compiler and flags, for messages */
  const tw_op_def* ops;
  const tw_kernel_def* kernels;
  const tw_layer_def* layers;
  const tw_device_def* devices;
  const tw_ext_def* exts;
  uint32_t nops;
  uint32_t nkernels;
  uint32_t nlayers;
  uint32_t ndevices;
  uint32_t nexts;
  uint32_t _pad;
  tw_status(TW_CALL* on_loaded)(const tw_host* host); /* after the transaction committed */
  tw_status(TW_CALL* on_exit)(void);                  /* at interpreter exit; there is no unload */
} tw_plugin;
#define TW_PLUGIN_SIZE_V1 120u
TW_STATIC_ASSERT(sizeof(tw_plugin) == TW_PLUGIN_SIZE_V1);

/* what the core knows of an op; strings and arrays live as long as the process */
typedef struct tw_op_info { /* sized; caller sets size */
  uint32_t size;
  uint32_t id;
  const char* name;
  const char* schema;
  const char* tags;
  uint32_t revision;
  uint32_t nargs;
  uint32_t nrets;
  uint32_t _pad;
} tw_op_info;
#define TW_OP_INFO_SIZE_V1 48u
TW_STATIC_ASSERT(sizeof(tw_op_info) == TW_OP_INFO_SIZE_V1);

/* ---- the host table "tw.core/1": the only thing a plugin is given; append-only ------------------- */
struct tw_host {
  uint32_t size;
  uint32_t minor; /* size in bytes of this table as the core was built */
  /* interface broker: autograd, jit, distributed publish and query their own tables here */
  tw_status(TW_CALL* query)(const char* name, uint32_t major, uint32_t min_minor, const void** table);
  tw_status(TW_CALL* publish)(const char* name, uint32_t major, uint32_t minor, const void* table);
  /* errors: one slot per thread, owned by the core; err_set returns its code */
  tw_status(TW_CALL* err_set)(tw_status code, const char* message);
  tw_status(TW_CALL* err_message)(const char** message); /* of the error now in the slot; "" if none */
  tw_status(TW_CALL* err_take)(tw_error** out);          /* move out, to cross threads or to drop */
  tw_status(TW_CALL* err_restore)(tw_error* error);      /* move back in; returns its code */
  void(TW_CALL* err_free)(tw_error* error);
  /* values that a callee returns: array of n zeroed elements of TW_STR/INTS/FLOATS/TENSORS/COMPLEX/VALUES */
  tw_status(TW_CALL* list_new)(uint32_t tag, uint32_t n, tw_value* out);
  void(TW_CALL* value_clear)(tw_value* owned); /* releases what an owned value holds; sets NONE */
  tw_status(TW_CALL* object_new)(const tw_object_type* type, void* payload, tw_object** out);
  void(TW_CALL* object_retain)(tw_object* o);
  void(TW_CALL* object_release)(tw_object* o);
  /* tensors */
  void(TW_CALL* retain)(tw_tensor* t);
  void(TW_CALL* release)(tw_tensor* t);
  tw_status(TW_CALL* empty)(const int64_t* shape, int32_t ndim, tw_dtype dtype, tw_device device, tw_tensor** out);
  tw_status(TW_CALL* from_blob)(const tw_dl* view, uint32_t flags, void(TW_CALL* deleter)(void* ctx), void* ctx,
                                tw_tensor** out);
  tw_status(TW_CALL* as_strided)(tw_tensor* base, const int64_t* shape, const int64_t* strides, int32_t ndim,
                                 int64_t byte_offset, tw_tensor** out); /* view; offset from base's data */
  tw_status(TW_CALL* set_data)(tw_tensor* t, tw_tensor* source);        /* t takes source's storage and geometry */
  tw_status(TW_CALL* storage_key)(const tw_tensor* t, uint64_t* out);   /* equal iff two tensors share storage */
  tw_status(TW_CALL* version)(const tw_tensor* t, uint64_t* out);       /* of the storage; raised by each write */
  tw_status(TW_CALL* bump_version)(tw_tensor* t);
  tw_status(TW_CALL* set_layers)(tw_tensor* t, uint64_t layers);
  tw_status(TW_CALL* meta_get)(const tw_tensor* t, uint32_t layer, void** out); /* null if none */
  tw_status(TW_CALL* meta_set)(tw_tensor* t, uint32_t layer, void* meta);       /* the old one is destroyed */
  /* dispatch */
  tw_status(TW_CALL* op_find)(const char* name, uint32_t min_revision, const tw_op** out);
  tw_status(TW_CALL* op_info)(const tw_op* op, tw_op_info* out);
  tw_status(TW_CALL* call)(const tw_op* op, const tw_value* args, uint32_t nargs, tw_value* rets, uint32_t nrets);
  tw_status(TW_CALL* redispatch)(tw_call* call); /* runs the layers in call->layers, then the backend */
  tw_status(TW_CALL* layer_find)(const char* name, uint32_t* out);
  tw_tls*(TW_CALL* tls)(void);
  /* include/exclude replace the thread's masks; the previous pair is written to prev if not null */
  tw_status(TW_CALL* tls_mask)(tw_tls* tls, uint64_t include, uint64_t exclude, uint64_t prev[2]);
  tw_status(TW_CALL* tls_get_mask)(tw_tls* tls, uint64_t mask[2]);
  /* work: f(ctx, begin, end) over [begin, end) in chunks of `grain` that do not depend on the thread count */
  tw_status(TW_CALL* parallel_for)(int64_t begin, int64_t end, int64_t grain,
                                   void(TW_CALL* f)(void* ctx, int64_t begin, int64_t end), void* ctx);
  tw_status(TW_CALL* poll)(void); /* TW_E_CANCELLED once the user pressed Ctrl-C */
  /* counter-based randomness (Philox4x32-10): reserves n counters of the default generator */
  tw_status(TW_CALL* philox_reserve)(uint64_t n, uint64_t* key, uint64_t* counter);
  /* views: results of view ops get these layers (except where the thread excludes them), and keep a handle of the
   * tensor they show a part of, the first in a chain of views, which view_base gives (owned; null for a tensor that
   * keeps none: no view, a view made while the thread excludes the layers, or what detach() gave) */
  tw_status(TW_CALL* set_view_layers)(uint64_t mask);
  tw_status(TW_CALL* view_base)(const tw_tensor* t, tw_tensor** out);
  tw_status(TW_CALL* is_unique)(const tw_tensor* t,
                                int32_t* out); /* 1: one handle, and no other tensor on its storage */
};
#define TW_HOST_SIZE_V1 312u
TW_STATIC_ASSERT(TW_END_OF(struct tw_host, is_unique) == TW_HOST_SIZE_V1);

/* fills the negotiation fields of a zeroed tw_plugin; `capacity` is the size that the host offered */
#define TW_PLUGIN_INIT(p, capacity)                                                       \
  ((p)->size = (capacity) < (uint32_t)sizeof(*(p)) ? (capacity) : (uint32_t)sizeof(*(p)), \
   (p)->abi_major = TW_ABI_MAJOR, (p)->abi_built_minor = TW_ABI_MINOR, (p)->abi_min_minor = TW_ABI_TARGET_MINOR)
typedef tw_status(TW_CALL* tw_plugin_entry_fn)(const tw_host* host, tw_plugin* out);
/* each plugin defines: TW_EXPORT tw_status TW_CALL tw_plugin_entry_1(const tw_host* host, tw_plugin* out); */

#ifdef __cplusplus
}
#endif
#endif
