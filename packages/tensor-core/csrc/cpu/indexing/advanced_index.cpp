#include "cpu/indexing/advanced_index.h"
#include "declarations/indexing.h"

#include "cpu/element_types.h"
#include "cpu/indexing/indexing.h"
#include "runtime/text.h"

namespace tw::cpu {
namespace {

// One index tensor and the dimension of self it is for.
struct DimIndex {
  int64_t dim;
  Tensor index;
};

// A bool mask becomes one vector per dimension it covers.
void add_mask(const char* op, TensorRef self, TensorRef mask, int64_t dim, std::vector<DimIndex>* out) {
  for (int d = 0; d < mask.ndim(); ++d)
    if (dim + d >= self.ndim() || (mask.size(d) != 0 && mask.size(d) != self.size(static_cast<int>(dim) + d)))
      throw fail(TW_E_INDEX, op, ": the mask of shape ", mask.shape(), " does not fit dimensions ", dim, " to ",
                 dim + mask.ndim() - 1, " of a tensor of shape ", self.shape());
  const Tensor places = nonzero(mask);
  for (int64_t d = 0; d < mask.ndim(); ++d) {
    const int64_t shape[] = {places.size(0)}, strides[] = {mask.ndim()};
    out->push_back({dim + d, as_strided(places, {shape, 1}, {strides, 1}, places.numel() ? d * 8 : 0)});
  }
}

std::vector<DimIndex> index_by_dim(const char* op, TensorRef self, TensorList indices) {
  std::vector<DimIndex> result;
  int64_t dim = 0;
  for (tw_tensor* raw : indices) {
    const TensorRef index(raw);
    if (!index) {
      ++dim;
    } else if (index.dtype() == kBool || index.dtype() == kUInt8) {  // bytes are masks, as before there were bools
      add_mask(op, self, index, dim, &result);
      dim += index.ndim();
    } else if (is_integral(index.dtype())) {
      result.push_back({dim++, Tensor::retain(index)});
    } else {
      throw fail(TW_E_TYPE, op, ": indices must be integers or bool, got ", index.dtype());
    }
  }
  if (dim > self.ndim()) throw fail(TW_E_INDEX, op, ": ", dim, " indices for a tensor of ", self.ndim(), " dimensions");
  return result;
}

std::vector<int64_t> common_shape(const char* op, const std::vector<DimIndex>& indices) {
  std::vector<int64_t> shape;
  for (const DimIndex& i : indices) {
    const size_t ndim = static_cast<size_t>(i.index.ndim());
    if (ndim > shape.size()) shape.insert(shape.begin(), ndim - shape.size(), 1);
    for (size_t d = 0; d < ndim; ++d) {
      int64_t& size = shape[shape.size() - ndim + d];
      const int64_t mine = i.index.size(static_cast<int>(d));
      if (size == 1)
        size = mine;
      else if (mine != 1 && mine != size)
        throw fail(TW_E_SHAPE, op, ": index tensors do not broadcast together: ", IntList(shape), " and ",
                   i.index.shape());
    }
  }
  return shape;
}

// Element offsets of all coordinates of some dimensions, in row-major order.
std::vector<int64_t> offsets_of(TensorRef self, const std::vector<int>& dims) {
  std::vector<int64_t> offsets = {0};
  for (int d : dims) {
    std::vector<int64_t> next;
    next.reserve(offsets.size() * static_cast<size_t>(self.size(d)));
    for (int64_t offset : offsets)
      for (int64_t i = 0; i < self.size(d); ++i) next.push_back(offset + i * self.stride(d));
    offsets = std::move(next);
  }
  return offsets;
}

std::vector<int64_t> chosen_offsets(const char* op, TensorRef self, const std::vector<DimIndex>& indices,
                                    IntList shape) {
  int64_t count = 1;
  for (int64_t n : shape) count *= n;
  std::vector<int64_t> offsets(static_cast<size_t>(count), 0);
  for (const DimIndex& i : indices) {
    const int dim = static_cast<int>(i.dim);
    const int64_t size = self.size(dim), stride = self.stride(dim);
    const Tensor values = dense(expand(i.index, shape), kInt64);
    for (int64_t k = 0; k < count; ++k) {
      const int64_t index = values.data<int64_t>()[k];
      check_index(op, index, i.dim, size);
      offsets[static_cast<size_t>(k)] += wrapped(index, size) * stride;
    }
  }
  return offsets;
}

bool is_run(const std::vector<int64_t>& offsets) {
  for (size_t i = 0; i < offsets.size(); ++i)
    if (offsets[i] != static_cast<int64_t>(i)) return false;
  return true;
}

}  // namespace

IndexPlan plan_index(const char* op, TensorRef self, TensorList indices) {
  const std::vector<DimIndex> by_dim = index_by_dim(op, self, indices);
  const std::vector<int64_t> chosen = common_shape(op, by_dim);
  bool adjacent = true;
  for (size_t i = 1; i < by_dim.size(); ++i) adjacent &= by_dim[i].dim == by_dim[i - 1].dim + 1;
  std::vector<int> before, after;
  size_t next = 0;
  for (int d = 0; d < self.ndim(); ++d) {
    if (next < by_dim.size() && by_dim[next].dim == d)
      ++next;
    else
      (adjacent && next == 0 ? before : after).push_back(d);
  }
  IndexPlan plan;
  for (int d : before) plan.shape.push_back(self.size(d));
  plan.shape.insert(plan.shape.end(), chosen.begin(), chosen.end());
  for (int d : after) plan.shape.push_back(self.size(d));
  plan.before = offsets_of(self, before), plan.after = offsets_of(self, after);
  plan.chosen = chosen_offsets(op, self, by_dim, chosen);
  plan.after_is_run = is_run(plan.after);
  return plan;
}

namespace {

// f(offset in self, offset in the result) for each run or element of [before, chosen]; parallel over `before` only if
// asked, because chosen elements may repeat.
template <class F>
void for_each_choice(const IndexPlan& plan, bool repeats_matter, F&& f) {
  const int64_t choices = static_cast<int64_t>(plan.chosen.size()), run = static_cast<int64_t>(plan.after.size());
  const int64_t rows = static_cast<int64_t>(plan.before.size());
  const auto visit = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      f(plan.before[static_cast<size_t>(i / choices)] + plan.chosen[static_cast<size_t>(i % choices)], i * run);
  };
  if (choices == 0 || run == 0) return;
  if (repeats_matter)
    parallel_for(0, rows, grain_for(choices * run),
                 [&](int64_t begin, int64_t end) { visit(begin * choices, end * choices); });
  else
    parallel_for(0, rows * choices, grain_for(run), visit);
}

template <class T, class Write>
void put(const IndexPlan& plan, const T* values, T* out, Write write) {
  const int64_t run = static_cast<int64_t>(plan.after.size());
  for_each_choice(plan, true, [&](int64_t to, int64_t from) {
    for (int64_t k = 0; k < run; ++k) write(out[to + plan.after[static_cast<size_t>(k)]], values[from + k]);
  });
}

bool is_mask_of(TensorRef self, TensorRef index) {
  if (!index || index.dtype() != kBool || index.ndim() != self.ndim() || self.ndim() == 0) return false;
  return std::equal(self.shape().begin(), self.shape().end(), index.shape().begin());
}

}  // namespace

Tensor index(TensorRef self, TensorList indices) {
  if (indices.size() == 1 && is_mask_of(self, indices[0])) return elements_where(self, indices[0]);
  const IndexPlan plan = plan_index("index", self, indices);
  Tensor out = empty(plan.shape, self.dtype(), self.device());
  const int64_t run = static_cast<int64_t>(plan.after.size());
  visit_item(self.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    for_each_choice(plan, false, [&](int64_t from, int64_t to) {
      const T* source = self.data<T>() + from;
      T* target = out.data<T>() + to;
      if (plan.after_is_run)
        std::memcpy(target, source, static_cast<size_t>(run) * sizeof(T));
      else
        for (int64_t k = 0; k < run; ++k) target[k] = source[plan.after[static_cast<size_t>(k)]];
    });
  });
  return out;
}

void index_put(TensorRef self, TensorList indices, TensorRef values, bool accumulate, TensorRef out) {
  const tw_dtype dtype = accumulate ? compute_dtype(self.dtype()) : self.dtype();
  StagedResult result(out, dtype);
  const IndexPlan plan = plan_index("index_put", result.tensor(), indices);
  if (!broadcasts_to(values.shape(), plan.shape))
    throw fail(TW_E_SHAPE, "index_put: values of shape ", values.shape(),
               " do not broadcast to the indexed part, which is ", IntList(plan.shape));
  const Tensor source = dense(expand(values, plan.shape), dtype);
  copy_unless_in_place(result.tensor(), self);
  if (accumulate && dtype != kBool)
    visit_arithmetic("index_put", dtype, [&](auto type) {
      using T = typename decltype(type)::type;
      put(plan, source.data<T>(), result.data<T>(), [](T& to, const T& from) { to += from; });
    });
  else if (accumulate)
    put(plan, source.data<uint8_t>(), result.data<uint8_t>(), [](uint8_t& to, uint8_t from) { to |= from; });
  else
    visit_item(dtype, [&](auto type) {
      using T = typename decltype(type)::type;
      put(plan, source.data<T>(), result.data<T>(), [](T& to, const T& from) { to = from; });
    });
  result.commit();
}

}  // namespace tw::cpu
