// The C interface of <tensorwright/twrt.h>: this same library, opened by a program instead of by the core.
#include <dlfcn.h>
#include <tensorwright/tw_core.h>
#include <tensorwright/twrt.h>
#include <tensorwright/object.hpp>

#include <cstdlib>
#include <filesystem>
#include <mutex>

#include "archive/archive.h"
#include "archive/json.h"
#include "archive/safetensors.h"
#include "ir/verify.h"
#include "run/inputs.h"
#include "run/interpreter.h"

using tw::Error;
using tw::Tensor;
using tw::TensorRef;

struct twrt_model {
  tw::jit::ProgramRef program;
  tw::jit::FunctionId function;
  std::vector<std::string> inputs, outputs;
  bool exported = false;  // its types are conditions on the inputs
};
struct twrt_tensor {
  Tensor tensor;
};
struct twrt_file {
  std::map<std::string, Tensor> tensors;
  std::vector<std::string> names;
};

namespace {

thread_local std::string last_error;

template <class F>
int attempt(F&& f) noexcept {
  try {
    f();
    return 0;
  } catch (const tw::PendingError&) {
    const char* message = "";
    tw::g_host->err_message(&message);
    last_error = message;
  } catch (const std::exception& error) {
    last_error = error.what();
  }
  return 1;
}

// ---- starting ---------------------------------------------------------------------------------------------------

const tw_core* the_core = nullptr;

namespace fs = std::filesystem;

constexpr const char* kCoreName =
#if defined(__APPLE__)
    "libtensorwright.dylib";
#else
    "libtensorwright.so";
#endif

fs::path own_path() {
  Dl_info info;
  if (!dladdr(reinterpret_cast<void*>(&own_path), &info))
    throw Error(TW_E_UNKNOWN, "libtwrt does not know where it lies");
  return fs::canonical(info.dli_fname);
}

fs::path library_folder(const char* where) {
  if (where) return where;
  if (const char* named = std::getenv("TENSORWRIGHT_LIB")) return named;
  return own_path().parent_path();
}

// The BLAS library that the wheel scipy-openblas64 brings lies beside the package tensorwright.
void find_blas(const tw_core& core, const fs::path& libraries) {
  if (const char* named = std::getenv("TENSORWRIGHT_BLAS")) return tw::check(core.set_blas(named));
  const fs::path folder = libraries.parent_path().parent_path() / "scipy_openblas64" / "lib";
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    if (entry.path().filename().string().rfind("libscipy_openblas64_", 0) == 0)
      return tw::check(core.set_blas(entry.path().c_str()));
}

void start(const char* where) {
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  if (the_core) return;
  const fs::path libraries = library_folder(where), path = libraries / kCoreName;
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) throw Error(TW_E_UNKNOWN, std::string("libtensorwright cannot be opened: ") + dlerror());
  void* symbol = dlsym(library, "tw_core_1");
  if (!symbol) throw Error(TW_E_ABI, path.string() + " has no tw_core_1: it is older than this libtwrt");
  const tw_core* core = reinterpret_cast<tw_core_fn>(symbol)();
  tw::g_host = core->host;
  tw::check(core->load_plugin(own_path().c_str()));
  find_blas(*core, libraries);
  the_core = core;
}

// ---- models -----------------------------------------------------------------------------------------------------

void describe(twrt_model& model) {
  const tw::jit::Module& module = model.program->module;
  const tw::jit::RegionId body = module.function(model.function).body;
  for (tw::jit::NodeId node = module.first(body); node; node = module[node].next)
    if (module.op_of(node) == "placeholder") model.inputs.push_back(module.names[module[node].target]);
  const tw::jit::Arg result = module.item(module[module[body].last].args, 0);
  const uint32_t count = result.kind >= tw::jit::ArgKind::kList ? result.count : 1;
  for (uint32_t k = 0; k < count; ++k) model.outputs.push_back(count == 1 ? "output" : "output" + std::to_string(k));
}

twrt_model* load(const char* path) {
  start(nullptr);
  auto model = std::make_unique<twrt_model>();
  model->program = tw::jit::read_archive(path);
  const auto forward = model->program->module.function_named("forward");
  if (!forward) throw Error(TW_E_VALUE, std::string(path) + ": the archive has no function @forward");
  model->function = *forward;
  describe(*model);
  const std::string& signature = model->program->signature;
  model->exported = !signature.empty() && tw::jit::Json::parse(signature, "archive signature").find("export");
  return model.release();
}

void give_outputs(const tw_value& value, twrt_tensor** outputs, uint32_t count) {
  const bool one = value.tag != TW_VALUES && value.tag != TW_TENSORS;
  const uint32_t given = one ? 1 : value.aux;
  if (given != count)
    throw Error(TW_E_VALUE, "run: the program gives " + std::to_string(given) + " results, there is room for " +
                                std::to_string(count));
  std::vector<std::unique_ptr<twrt_tensor>> made;
  for (uint32_t k = 0; k < count; ++k) {
    const tw_value item = one                      ? value
                          : value.tag == TW_VALUES ? static_cast<const tw_value*>(value.u.p)[k]
                                                   : tw::to_value(TensorRef(static_cast<tw_tensor**>(value.u.p)[k]));
    if (item.tag != TW_TENSOR) throw Error(TW_E_TYPE, "run: result " + std::to_string(k) + " is no tensor");
    made.push_back(std::make_unique<twrt_tensor>(twrt_tensor{Tensor::retain(item.u.t)}));
  }
  for (uint32_t k = 0; k < count; ++k) outputs[k] = made[k].release();
}

}  // namespace

extern "C" {

int TW_CALL twrt_start(const char* where) {
  return attempt([&] { start(where); });
}
const char* TW_CALL twrt_error(void) { return last_error.c_str(); }
int TW_CALL twrt_set_num_threads(int32_t n) {
  return attempt([&] {
    start(nullptr);
    tw::check(the_core->set_num_threads(n));
  });
}

int TW_CALL twrt_load(const char* path, twrt_model** out) {
  return attempt([&] { *out = load(path); });
}
void TW_CALL twrt_free(twrt_model* model) { delete model; }
const char* TW_CALL twrt_input_name(const twrt_model* model, uint32_t k) {
  return k < model->inputs.size() ? model->inputs[k].c_str() : nullptr;
}
const char* TW_CALL twrt_output_name(const twrt_model* model, uint32_t k) {
  return k < model->outputs.size() ? model->outputs[k].c_str() : nullptr;
}
uint32_t TW_CALL twrt_input_count(const twrt_model* model) { return static_cast<uint32_t>(model->inputs.size()); }
uint32_t TW_CALL twrt_output_count(const twrt_model* model) { return static_cast<uint32_t>(model->outputs.size()); }

int TW_CALL twrt_run(twrt_model* model, twrt_tensor* const* inputs, uint32_t input_count, twrt_tensor** outputs,
                     uint32_t output_count) {
  return attempt([&] {
    std::vector<tw_value> args;
    for (uint32_t k = 0; k < input_count; ++k) args.push_back(tw::to_value(TensorRef(inputs[k]->tensor)));
    if (model->exported) tw::jit::check_inputs(*model->program, model->function, args.data(), input_count);
    tw::Value result;
    tw::jit::run(*model->program, model->function, args.data(), input_count, &result);
    give_outputs(result.get(), outputs, output_count);
  });
}

int TW_CALL twrt_tensor_new(tw_dtype dtype, const int64_t* shape, int32_t ndim, twrt_tensor** out) {
  return attempt([&] {
    start(nullptr);
    *out = new twrt_tensor{tw::empty({shape, static_cast<size_t>(ndim)}, dtype)};
  });
}
int TW_CALL twrt_tensor_from(const tw_dl* view, void(TW_CALL* release)(void* context), void* context,
                             twrt_tensor** out) {
  return attempt([&] {
    start(nullptr);
    tw_tensor* tensor = nullptr;
    tw::check(tw::g_host->from_blob(view, 0, release, context, &tensor));
    *out = new twrt_tensor{Tensor::steal(tensor)};
  });
}
const tw_dl* TW_CALL twrt_tensor_dl(const twrt_tensor* tensor) { return &tensor->tensor.get()->dl; }
void TW_CALL twrt_tensor_free(twrt_tensor* tensor) { delete tensor; }

int TW_CALL twrt_file_open(const char* path, twrt_file** out) {
  return attempt([&] {
    start(nullptr);
    auto file = std::make_unique<twrt_file>();
    file->tensors = tw::jit::read_safetensors(path);
    for (const auto& entry : file->tensors) file->names.push_back(entry.first);
    *out = file.release();
  });
}
uint32_t TW_CALL twrt_file_count(const twrt_file* file) { return static_cast<uint32_t>(file->names.size()); }
const char* TW_CALL twrt_file_name(const twrt_file* file, uint32_t k) {
  return k < file->names.size() ? file->names[k].c_str() : nullptr;
}
int TW_CALL twrt_file_tensor(const twrt_file* file, const char* name, twrt_tensor** out) {
  return attempt([&] {
    const auto found = file->tensors.find(name);
    if (found == file->tensors.end()) throw Error(TW_E_VALUE, std::string("the file has no tensor '") + name + "'");
    *out = new twrt_tensor{found->second};
  });
}
void TW_CALL twrt_file_close(twrt_file* file) { delete file; }

int TW_CALL twrt_file_write(const char* path, const char* const* names, twrt_tensor* const* tensors, uint32_t count) {
  return attempt([&] {
    static const tw::OpHandle contiguous("tw::contiguous");
    std::vector<std::pair<std::string, Tensor>> list;
    for (uint32_t k = 0; k < count; ++k)
      list.emplace_back(names[k], contiguous.call({tw::to_value(TensorRef(tensors[k]->tensor)), tw::value_none()}));
    tw::jit::write_safetensors(path, list);
  });
}

}  // extern "C"
