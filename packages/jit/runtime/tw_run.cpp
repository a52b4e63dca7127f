// tw-run model.twa input.safetensors output.safetensors [--threads N]
// Runs a saved program on the tensors of a file, taken by the names of its inputs, and writes what it gives.
#include <tensorwright/twrt.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

int fail() {
  std::fprintf(stderr, "tw-run: %s\n", twrt_error());
  return 1;
}

int usage() {
  std::fprintf(stderr, "usage: tw-run model.twa input.safetensors output.safetensors [--threads N]\n");
  return 2;
}

// The inputs in the model's order. A file of one tensor serves a model of one input whatever its name.
bool read_inputs(const twrt_model* model, const twrt_file* file, std::vector<twrt_tensor*>& inputs) {
  const uint32_t count = twrt_input_count(model);
  for (uint32_t k = 0; k < count; ++k) {
    const bool only = count == 1 && twrt_file_count(file) == 1;
    twrt_tensor* tensor = nullptr;
    if (twrt_file_tensor(file, only ? twrt_file_name(file, 0) : twrt_input_name(model, k), &tensor)) return false;
    inputs.push_back(tensor);
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && !(argc == 6 && !std::strcmp(argv[4], "--threads"))) return usage();
  if (argc == 6 && twrt_set_num_threads(std::atoi(argv[5]))) return fail();
  twrt_model* model = nullptr;
  twrt_file* file = nullptr;
  if (twrt_load(argv[1], &model) || twrt_file_open(argv[2], &file)) return fail();
  std::vector<twrt_tensor*> inputs;
  if (!read_inputs(model, file, inputs)) return fail();
  const uint32_t count = twrt_output_count(model);
  std::vector<twrt_tensor*> outputs(count);
  if (twrt_run(model, inputs.data(), static_cast<uint32_t>(inputs.size()), outputs.data(), count)) return fail();
  std::vector<const char*> names;
  for (uint32_t k = 0; k < count; ++k) names.push_back(twrt_output_name(model, k));
  if (twrt_file_write(argv[3], names.data(), outputs.data(), count)) return fail();
  for (twrt_tensor* tensor : inputs) twrt_tensor_free(tensor);
  for (twrt_tensor* tensor : outputs) twrt_tensor_free(tensor);
  twrt_file_close(file);
  twrt_free(model);
  return 0;
}
