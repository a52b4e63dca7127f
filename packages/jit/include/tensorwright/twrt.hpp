// twrt.hpp - C++17 over twrt.h: ownership, and errors as exceptions. Header-only.
//
//   twrt::Model model("model.twa");
//   twrt::Tensor x({1, 3}, twrt::kFloat32);
//   x.data<float>()[0] = 1.0f;
//   std::vector<twrt::Tensor> results = model.run({&x});
#ifndef TENSORWRIGHT_TWRT_HPP_
#define TENSORWRIGHT_TWRT_HPP_

#include <tensorwright/twrt.h>

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace twrt {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline void check(int status) {
  if (status != 0) throw Error(twrt_error());
}

constexpr tw_dtype kFloat32{TW_DT_FLOAT, 32, 1}, kFloat64{TW_DT_FLOAT, 64, 1}, kInt32{TW_DT_INT, 32, 1},
    kInt64{TW_DT_INT, 64, 1}, kUInt8{TW_DT_UINT, 8, 1}, kBool{TW_DT_BOOL, 8, 1};

class Tensor {
 public:
  explicit Tensor(twrt_tensor* owned) : tensor_(owned, twrt_tensor_free) {}
  Tensor(const std::vector<int64_t>& shape, tw_dtype dtype) : tensor_(nullptr, twrt_tensor_free) {
    twrt_tensor* made = nullptr;
    check(twrt_tensor_new(dtype, shape.data(), static_cast<int32_t>(shape.size()), &made));
    tensor_.reset(made);
  }
  twrt_tensor* get() const { return tensor_.get(); }
  const tw_dl& dl() const { return *twrt_tensor_dl(get()); }
  std::vector<int64_t> shape() const { return {dl().shape, dl().shape + dl().ndim}; }
  template <class T>
  T* data() const {
    return static_cast<T*>(dl().data);
  }

 private:
  std::unique_ptr<twrt_tensor, void(TW_CALL*)(twrt_tensor*)> tensor_;
};

class Model {
 public:
  explicit Model(const std::string& path) : model_(nullptr, twrt_free) {
    twrt_model* loaded = nullptr;
    check(twrt_load(path.c_str(), &loaded));
    model_.reset(loaded);
  }
  std::vector<Tensor> run(const std::vector<const Tensor*>& inputs) const {
    std::vector<twrt_tensor*> given, results(twrt_output_count(model_.get()));
    for (const Tensor* tensor : inputs) given.push_back(tensor->get());
    check(twrt_run(model_.get(), given.data(), static_cast<uint32_t>(given.size()), results.data(),
                   static_cast<uint32_t>(results.size())));
    std::vector<Tensor> owned;
    for (twrt_tensor* tensor : results) owned.emplace_back(tensor);
    return owned;
  }
  std::vector<std::string> input_names() const { return names(twrt_input_count, twrt_input_name); }
  std::vector<std::string> output_names() const { return names(twrt_output_count, twrt_output_name); }

 private:
  template <class Count, class Name>
  std::vector<std::string> names(Count count, Name name) const {
    std::vector<std::string> list;
    for (uint32_t k = 0; k < count(model_.get()); ++k) list.emplace_back(name(model_.get(), k));
    return list;
  }
  std::unique_ptr<twrt_model, void(TW_CALL*)(twrt_model*)> model_;
};

}  // namespace twrt
#endif
