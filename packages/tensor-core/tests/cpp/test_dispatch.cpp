// Layers, kernel chains, results given by the caller, schemas from text.
#include <tensorwright/ops.hpp>

#include <string>

#include "check.h"
#include "dispatch/host.h"
#include "dispatch/layers.h"
#include "dispatch/registry.h"
#include "dispatch/schema.h"
#include "runtime/device.h"

using namespace tw;

namespace {

std::string trace;

tw_status note(void* self, tw_call* call) {
  trace += static_cast<const char*>(self);
  return g_host->redispatch(call);
}

Tensor vector(std::initializer_list<float> values) {
  Tensor t = empty({static_cast<int64_t>(values.size())}, kFloat32);
  int64_t i = 0;
  for (float v : values) t.data<float>()[i++] = v;
  return t;
}

template <class Register>
void registering(Register&& work) {
  const std::lock_guard<ForkSafeMutex> lock(registry_mutex());
  work();
}

void layers_run_from_the_top() {
  static char high[] = "H", low[] = "l", all[] = "*";
  registering([] {
    add_layer(20, {"test.high", nullptr, "test"});
    add_layer(10, {"test.low", nullptr, "test"});
    add_layer_fallback(10, new KernelRecord{note, all, 0, 0, "test", nullptr});
    add_layer_kernel(find_op_locked("tw::add"), 20, new KernelRecord{note, high, 0, 0, "test", nullptr});
    add_layer_kernel(find_op_locked("tw::add"), 10, new KernelRecord{note, low, 0, 0, "test", nullptr});
  });
  Tensor a = vector({1, 2}), b = vector({3, 4});
  ops::add(a, b);
  TW_CHECK(trace.empty());
  check(g_host->set_layers(b.get(), uint64_t{1} << 20 | uint64_t{1} << 10));
  TW_CHECK(ops::add(a, b).data<float>()[1] == 6.0f);
  TW_CHECK(trace == "Hl");
  trace.clear();
  ops::mul(a, b);  // the high layer has nothing for it
  TW_CHECK(trace == "*");
  trace.clear();
  {
    const LayerScope without = LayerScope::without(uint64_t{1} << 10);
    ops::add(a, b);
  }
  TW_CHECK(trace == "H");
  trace.clear();
  {
    const LayerScope with(uint64_t{1} << 10, 0);
    ops::add(a, a);
  }
  TW_CHECK(trace == "l");
  trace.clear();
}

tw_status decline(void*, tw_call*) { return TW_DECLINE; }
tw_status refuse(void*, tw_call*) { return g_host->err_set(TW_E_VALUE, "refused"); }

void kernels_are_asked_by_priority() {
  registering([] {
    add_backend_kernel(find_op_locked("tw::mul"), kBackendCpu,
                       new KernelRecord{decline, nullptr, 5, 0, "test", nullptr});
  });
  Tensor a = vector({2, 3});
  TW_CHECK(ops::mul(a, a).data<float>()[1] == 9.0f);
  registering([] {
    add_backend_kernel(find_op_locked("tw::sub"), kBackendCpu,
                       new KernelRecord{refuse, nullptr, 5, 0, "test", nullptr});
  });
  const tw_value args[] = {to_value(TensorRef(a)), to_value(TensorRef(a)), to_value(int64_t{1})};
  tw_value ret = value_none();
  TW_CHECK(g_host->call(OpHandle("tw::sub").get(), args, 3, &ret, 1) == TW_E_VALUE);
  TW_CHECK(ret.tag == TW_NONE);
}

void older_callers_get_defaults() {
  Tensor a = vector({1});
  const tw_value args[] = {to_value(TensorRef(a)), to_value(2.0)};
  tw_value ret = value_none();
  check(g_host->call(OpHandle("tw::add").get(), args, 2, &ret, 1));
  TW_CHECK(Tensor::steal(ret.u.t).data<float>()[0] == 3.0f);
  ret = value_none();
  TW_CHECK(g_host->call(OpHandle("tw::add").get(), args, 1, &ret, 1) == TW_E_TYPE);
}

void values_from_other_binaries_are_checked() {
  Tensor a = vector({1});
  tw_value args[] = {to_value(TensorRef(a)), value_none(), to_value(int64_t{1})};
  tw_value ret = value_none();
  TW_CHECK(g_host->call(OpHandle("tw::add").get(), args, 3, &ret, 1) == TW_E_TYPE);
  args[1].tag = 4000000000u;
  TW_CHECK(g_host->call(OpHandle("tw::add").get(), args, 3, &ret, 1) == TW_E_TYPE);
}

void results_are_written_where_asked() {
  Tensor a = vector({1, 2, 3}), out = vector({0, 0, 0});
  uint64_t before = 0, after = 0;
  check(g_host->version(out.get(), &before));
  ops::add_out(a, a, 1, out);
  check(g_host->version(out.get(), &after));
  TW_CHECK(out.data<float>()[2] == 6.0f && after == before + 1);
  ops::add_(a, 1);
  TW_CHECK(a.data<float>()[0] == 2.0f);
}

void check_schema(const char* text, const char* complaint) {
  std::string error;
  const OpSpec* spec = parse_schema(text, &error);
  TW_CHECK(!spec == (complaint != nullptr));
  if (complaint && error.find(complaint) == std::string::npos) {
    std::fprintf(stderr, "%s\n", error.c_str());
    TW_CHECK(!"the expected complaint");
  }
}

void schemas_are_read() {
  std::string error;
  const OpSpec* spec = parse_schema(
      "my::op.over(Tensor(a!) self, Tensor? other, int[2] size=[1, -2], *, Scalar alpha=1.5, str mode='sum', dtype? "
      "dtype=None) -> "
      "(Tensor(a) values, int count)",
      &error);
  TW_CHECK(spec && std::string(spec->name) == "my::op.over");
  TW_CHECK(spec->nargs == 6 && spec->npositional == 3 && spec->nrets == 2 && spec->mutated == 1);
  TW_CHECK(spec->args[1].optional && spec->args[2].list_length == 2 && spec->args[2].default_value.aux == 2);
  TW_CHECK(spec->args[3].keyword_only && spec->args[3].default_value.u.f == 1.5);
  TW_CHECK(spec->rets[0].alias == 0 && spec->rets[1].type == RetType::kInt &&
           std::string(spec->rets[1].name) == "count");
  check_schema("my::op() -> ()", nullptr);
  check_schema("op(Tensor x) -> Tensor", "expected '::'");
  check_schema("my::op(Tensor x)", "expected '->'");
  check_schema("my::op(Tensor x=3) -> Tensor", "this type has none but None");
  check_schema("my::op(int x=None) -> Tensor", "None is only for optional types");
  check_schema("my::op(int x=1, int y) -> Tensor", "a default, as the argument before has one");
  check_schema("my::op(Tensor x) -> Tensor(b)", "an alias that an argument has");
  check_schema("my::op(Tensor x) -> Tensor extra", "nothing more");
  check_schema("my::op(*, *, int x) -> Tensor", "one '*' only");
}

}  // namespace

int main() {
  start_core();
  layers_run_from_the_top();
  kernels_are_asked_by_priority();
  older_callers_get_defaults();
  values_from_other_binaries_are_checked();
  results_are_written_where_asked();
  schemas_are_read();
  return failures();
}
